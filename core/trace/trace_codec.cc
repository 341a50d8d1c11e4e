#include "core/trace/trace_codec.h"

#include <bit>
#include <cstring>
#include <type_traits>

#include "core/base/error.h"

namespace retort {
namespace {

static_assert(std::endian::native == std::endian::little, "the formats are little endian");

constexpr uint32_t kCodecMagic = 0x31545452;  // "RTT1"
constexpr uint8_t kNoVerdict = 255;
constexpr size_t kScorerCount = 6;

class Writer {
 public:
  template <typename T>
  void Put(T value) {
    static_assert(std::is_arithmetic_v<T>);
    char raw[sizeof(T)];
    std::memcpy(raw, &value, sizeof(T));
    bytes_.append(raw, sizeof(T));
  }
  void PutText(std::string_view text) {
    Put(static_cast<uint64_t>(text.size()));
    bytes_ += text;
  }
  void PutIds(const std::vector<int32_t>& ids) {
    Put(static_cast<uint64_t>(ids.size()));
    for (const int32_t id : ids) Put(id);
  }
  std::string Take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

class Reader {
 public:
  Reader(std::string_view bytes, const std::string& where) : bytes_(bytes), where_(where) {}

  template <typename T>
  T Get() {
    T value;
    std::memcpy(&value, Take(sizeof(T)).data(), sizeof(T));
    return value;
  }
  std::string GetText() { return std::string(Take(GetCount(1))); }
  std::vector<int32_t> GetIds() {
    std::vector<int32_t> ids(GetCount(sizeof(int32_t)));
    for (int32_t& id : ids) id = Get<int32_t>();
    return ids;
  }
  /// A length whose items, each at least `item_bytes` long, must still fit in the bytes left.
  size_t GetCount(size_t item_bytes) {
    const auto count = Get<uint64_t>();
    if (count > bytes_.size() / item_bytes) Fail("a length runs past the end");
    return static_cast<size_t>(count);
  }
  void ExpectEnd() const {
    if (!bytes_.empty()) Fail("extra bytes at the end");
  }
  [[noreturn]] void Fail(const char* why) const {
    throw Error(ExitCode::kData, StrCat(where_, ": trace record damaged - ", why));
  }

 private:
  std::string_view Take(size_t count) {
    if (count > bytes_.size()) Fail("it ends early");
    const std::string_view taken = bytes_.substr(0, count);
    bytes_.remove_prefix(count);
    return taken;
  }

  std::string_view bytes_;
  const std::string& where_;
};

constexpr size_t kNodeBytes = 2 * 4 + 4 * 8 + 4 * 4 + 4 + 3;

void PutNode(const Node& node, Writer* out) {
  out->Put(node.parent);
  out->Put(node.order);
  for (const int64_t bound : {node.token_begin, node.token_end, node.text_begin, node.text_end}) {
    out->Put(bound);
  }
  for (const float value : {node.sum_log_prob, node.prior, node.value, node.score}) {
    out->Put(value);
  }
  out->Put(node.visits);
  out->Put(static_cast<uint8_t>(node.scorer));
  out->Put(static_cast<uint8_t>(node.terminal ? 1 : 0));
  out->Put(node.verdict ? static_cast<uint8_t>(*node.verdict) : kNoVerdict);
}

Node GetNode(Reader* in) {
  Node node;
  node.parent = in->Get<int32_t>();
  node.order = in->Get<int32_t>();
  for (int64_t* bound : {&node.token_begin, &node.token_end, &node.text_begin, &node.text_end}) {
    *bound = in->Get<int64_t>();
  }
  for (float* value : {&node.sum_log_prob, &node.prior, &node.value, &node.score}) {
    *value = in->Get<float>();
  }
  node.visits = in->Get<int32_t>();
  const auto scorer = in->Get<uint8_t>();
  const auto terminal = in->Get<uint8_t>();
  const auto verdict = in->Get<uint8_t>();
  if (scorer >= kScorerCount) in->Fail("unknown scorer");
  if (terminal > 1) in->Fail("unknown terminal flag");
  if (verdict >= kVerdictCount && verdict != kNoVerdict) in->Fail("unknown verdict");
  node.scorer = static_cast<Scorer>(scorer);
  node.terminal = terminal == 1;
  if (verdict != kNoVerdict) node.verdict = static_cast<Verdict>(verdict);
  return node;
}

}  // namespace

std::string EncodeTree(const TraceTree& tree) {
  Writer out;
  out.Put(kCodecMagic);
  for (const std::string* text : {&tree.problem_id, &tree.question, &tree.answer, &tree.source,
                                  &tree.split, &tree.algorithm, &tree.text}) {
    out.PutText(*text);
  }
  out.Put(tree.horizon);
  out.Put(tree.seed);
  out.Put(tree.selected);
  out.PutIds(tree.prompt_ids);
  out.PutIds(tree.tokens);
  for (const int64_t count : {tree.counts.prefill_computed, tree.counts.prefill_shared,
                              tree.counts.decoded, tree.counts.verifier_calls}) {
    out.Put(count);
  }
  out.Put(tree.counts.flops);
  out.Put(static_cast<uint64_t>(tree.nodes.size()));
  for (const Node& node : tree.nodes) PutNode(node, &out);
  return out.Take();
}

TraceTree DecodeTree(std::string_view bytes, const std::string& where) {
  Reader in(bytes, where);
  if (in.Get<uint32_t>() != kCodecMagic) in.Fail("unknown kind or version");
  TraceTree tree;
  for (std::string* text : {&tree.problem_id, &tree.question, &tree.answer, &tree.source,
                            &tree.split, &tree.algorithm, &tree.text}) {
    *text = in.GetText();
  }
  tree.horizon = in.Get<int32_t>();
  tree.seed = in.Get<uint64_t>();
  tree.selected = in.Get<int32_t>();
  tree.prompt_ids = in.GetIds();
  tree.tokens = in.GetIds();
  for (int64_t* count : {&tree.counts.prefill_computed, &tree.counts.prefill_shared,
                         &tree.counts.decoded, &tree.counts.verifier_calls}) {
    *count = in.Get<int64_t>();
  }
  tree.counts.flops = in.Get<double>();
  const size_t nodes = in.GetCount(kNodeBytes);
  tree.nodes.reserve(nodes);
  for (size_t i = 0; i < nodes; ++i) tree.nodes.push_back(GetNode(&in));
  in.ExpectEnd();
  CheckTree(tree, where);
  return tree;
}

}  // namespace retort
