#include "core/trace/trace_shard.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/trace/ragged_column.h"

namespace retort {
namespace {

constexpr std::string_view kFormat = "retort-traces";
constexpr int64_t kFormatVersion = 1;
constexpr uint8_t kNoVerdict = 255;
constexpr uint8_t kScorerCount = 6;

/// One row a tree; `node_offsets` says which rows of NodeColumns are a tree's.
struct TreeColumns {
  RaggedColumn<char> problem_id, question, answer, source, split, algorithm, text;
  RaggedColumn<int32_t> prompt_ids, tokens;
  std::vector<int64_t> node_offsets = {0};
  std::vector<int32_t> horizon, selected;
  std::vector<uint64_t> seed;
  std::vector<int64_t> prefill_computed, prefill_shared, decoded, verifier_calls;
  std::vector<double> flops;
};

/// One row a node. Spans count from the beginning of the tree's own tokens and text.
struct NodeColumns {
  std::vector<int32_t> parent, order, visits;
  std::vector<int64_t> token_begin, token_end, text_begin, text_end;
  std::vector<float> sum_log_prob, prior, value, score;
  std::vector<uint8_t> scorer, terminal, verdict;
};

/// Calls visit(name, member) for each ragged column, then for each plain one: the one list of the
/// schema, used by writer and reader.
template <typename Columns, typename Visitor>
void VisitRagged(Columns& tree, Visitor visit) {
  visit("problem_id", tree.problem_id);
  visit("question", tree.question);
  visit("answer", tree.answer);
  visit("source", tree.source);
  visit("split", tree.split);
  visit("algorithm", tree.algorithm);
  visit("text", tree.text);
  visit("prompt_ids", tree.prompt_ids);
  visit("tokens", tree.tokens);
}

template <typename Columns, typename Visitor>
void VisitTreeArrays(Columns& tree, Visitor visit) {
  visit("horizon", tree.horizon);
  visit("selected", tree.selected);
  visit("seed", tree.seed);
  visit("prefill_computed", tree.prefill_computed);
  visit("prefill_shared", tree.prefill_shared);
  visit("decoded", tree.decoded);
  visit("verifier_calls", tree.verifier_calls);
  visit("flops", tree.flops);
}

template <typename Columns, typename Visitor>
void VisitNodeArrays(Columns& node, Visitor visit) {
  visit("parent", node.parent);
  visit("order", node.order);
  visit("visits", node.visits);
  visit("token_begin", node.token_begin);
  visit("token_end", node.token_end);
  visit("text_begin", node.text_begin);
  visit("text_end", node.text_end);
  visit("sum_log_prob", node.sum_log_prob);
  visit("prior", node.prior);
  visit("value", node.value);
  visit("score", node.score);
  visit("scorer", node.scorer);
  visit("terminal", node.terminal);
  visit("verdict", node.verdict);
}

template <typename Visitor>
void VisitProvenance(Visitor visit) {
  visit("stage_key", &TraceProvenance::stage_key);
  visit("config_sha256", &TraceProvenance::config_sha256);
  visit("teacher_sha256", &TraceProvenance::teacher_sha256);
  visit("tokenizer_sha256", &TraceProvenance::tokenizer_sha256);
  visit("verifier", &TraceProvenance::verifier);
}

void AppendNode(const Node& node, NodeColumns* columns) {
  columns->parent.push_back(node.parent);
  columns->order.push_back(node.order);
  columns->visits.push_back(node.visits);
  columns->token_begin.push_back(node.token_begin);
  columns->token_end.push_back(node.token_end);
  columns->text_begin.push_back(node.text_begin);
  columns->text_end.push_back(node.text_end);
  columns->sum_log_prob.push_back(node.sum_log_prob);
  columns->prior.push_back(node.prior);
  columns->value.push_back(node.value);
  columns->score.push_back(node.score);
  columns->scorer.push_back(static_cast<uint8_t>(node.scorer));
  columns->terminal.push_back(node.terminal ? 1 : 0);
  columns->verdict.push_back(node.verdict ? static_cast<uint8_t>(*node.verdict) : kNoVerdict);
}

void AppendTree(const TraceTree& tree, TreeColumns* trees, NodeColumns* nodes) {
  trees->problem_id.Append(tree.problem_id);
  trees->question.Append(tree.question);
  trees->answer.Append(tree.answer);
  trees->source.Append(tree.source);
  trees->split.Append(tree.split);
  trees->algorithm.Append(tree.algorithm);
  trees->text.Append(tree.text);
  trees->prompt_ids.Append(tree.prompt_ids);
  trees->tokens.Append(tree.tokens);
  trees->horizon.push_back(tree.horizon);
  trees->selected.push_back(tree.selected);
  trees->seed.push_back(tree.seed);
  trees->prefill_computed.push_back(tree.counts.prefill_computed);
  trees->prefill_shared.push_back(tree.counts.prefill_shared);
  trees->decoded.push_back(tree.counts.decoded);
  trees->verifier_calls.push_back(tree.counts.verifier_calls);
  trees->flops.push_back(tree.counts.flops);
  for (const Node& node : tree.nodes) AppendNode(node, nodes);
  trees->node_offsets.push_back(static_cast<int64_t>(nodes->parent.size()));
}

Node NodeAt(const NodeColumns& columns, size_t row, const FileLabel& label) {
  if (columns.scorer[row] >= kScorerCount) label.ThrowDamaged("unknown scorer");
  if (columns.terminal[row] > 1) label.ThrowDamaged("unknown terminal flag");
  const uint8_t verdict = columns.verdict[row];
  if (verdict >= kVerdictCount && verdict != kNoVerdict) label.ThrowDamaged("unknown verdict");
  Node node;
  node.parent = columns.parent[row];
  node.order = columns.order[row];
  node.visits = columns.visits[row];
  node.token_begin = columns.token_begin[row];
  node.token_end = columns.token_end[row];
  node.text_begin = columns.text_begin[row];
  node.text_end = columns.text_end[row];
  node.sum_log_prob = columns.sum_log_prob[row];
  node.prior = columns.prior[row];
  node.value = columns.value[row];
  node.score = columns.score[row];
  node.scorer = static_cast<Scorer>(columns.scorer[row]);
  node.terminal = columns.terminal[row] == 1;
  if (verdict != kNoVerdict) node.verdict = static_cast<Verdict>(verdict);
  return node;
}

TraceTree TreeAt(const TreeColumns& trees, const NodeColumns& nodes, size_t row,
                 const FileLabel& label) {
  TraceTree tree;
  tree.problem_id = TextRow(trees.problem_id, row);
  tree.question = TextRow(trees.question, row);
  tree.answer = TextRow(trees.answer, row);
  tree.source = TextRow(trees.source, row);
  tree.split = TextRow(trees.split, row);
  tree.algorithm = TextRow(trees.algorithm, row);
  tree.text = TextRow(trees.text, row);
  tree.prompt_ids = IdsRow(trees.prompt_ids, row);
  tree.tokens = IdsRow(trees.tokens, row);
  tree.horizon = trees.horizon[row];
  tree.selected = trees.selected[row];
  tree.seed = trees.seed[row];
  tree.counts.prefill_computed = trees.prefill_computed[row];
  tree.counts.prefill_shared = trees.prefill_shared[row];
  tree.counts.decoded = trees.decoded[row];
  tree.counts.verifier_calls = trees.verifier_calls[row];
  tree.counts.flops = trees.flops[row];
  const auto begin = static_cast<size_t>(trees.node_offsets[row]);
  const auto end = static_cast<size_t>(trees.node_offsets[row + 1]);
  tree.nodes.reserve(end - begin);
  for (size_t node = begin; node < end; ++node) tree.nodes.push_back(NodeAt(nodes, node, label));
  CheckTree(tree, label.path);
  return tree;
}

/// Order and uniqueness of ids, for writer and reader alike; "" if all is well.
std::string OrderFault(const std::vector<TraceTree>& trees) {
  for (size_t i = 1; i < trees.size(); ++i) {
    if (trees[i - 1].problem_id >= trees[i].problem_id) {
      return StrCat("problem ", trees[i].problem_id, " comes after ", trees[i - 1].problem_id);
    }
  }
  return "";
}

TraceProvenance ReadProvenance(const Hdf5Reader& in) {
  const std::string format = in.TextAttribute("format");
  const int64_t version = in.IntAttribute("format_version");
  if (format != kFormat || version != kFormatVersion) {
    in.label().ThrowDamaged(StrCat("it is ", format, " version ", version, ", not ", kFormat,
                                   " version ", kFormatVersion));
  }
  TraceProvenance provenance;
  VisitProvenance([&](const char* name, std::string TraceProvenance::*member) {
    provenance.*member = in.TextAttribute(name);
  });
  return provenance;
}

TreeColumns ReadTreeColumns(const Hdf5Reader& in) {
  TreeColumns trees;
  VisitTreeArrays(trees, [&](const char* name, auto& array) {
    array = in.Array<typename std::decay_t<decltype(array)>::value_type>(StrCat("tree/", name));
    if (array.size() != trees.horizon.size()) {
      in.label().ThrowDamaged(StrCat("tree/", name, " has another length than tree/horizon"));
    }
  });
  VisitRagged(trees, [&](const char* name, auto& column) {
    column.Read(StrCat("tree/", name), trees.horizon.size(), in);
  });
  return trees;
}

NodeColumns ReadNodeColumns(const Hdf5Reader& in) {
  NodeColumns nodes;
  VisitNodeArrays(nodes, [&](const char* name, auto& array) {
    array = in.Array<typename std::decay_t<decltype(array)>::value_type>(StrCat("node/", name));
    if (array.size() != nodes.parent.size()) {
      in.label().ThrowDamaged(StrCat("node/", name, " has another length than node/parent"));
    }
  });
  return nodes;
}

}  // namespace

std::string SerializeTraceShard(const std::vector<TraceTree>& trees,
                                const TraceProvenance& provenance, const std::string& path) {
  const std::string fault = OrderFault(trees);
  if (!fault.empty()) {
    throw Error(ExitCode::kData, StrCat(path, ": ", fault, "; ids must ascend, each once"));
  }
  TreeColumns columns;
  NodeColumns nodes;
  for (const TraceTree& tree : trees) {
    CheckTree(tree, path);
    AppendTree(tree, &columns, &nodes);
  }
  Hdf5Writer out(path);
  out.Attribute("format", kFormat);
  out.Attribute("format_version", kFormatVersion);
  VisitProvenance([&](const char* name, std::string TraceProvenance::*member) {
    out.Attribute(name, provenance.*member);
  });
  const auto write = [&](const std::string& name, const auto& array) {
    out.Array<typename std::decay_t<decltype(array)>::value_type>(name, array);
  };
  VisitTreeArrays(
      columns, [&](const char* name, const auto& array) { write(StrCat("tree/", name), array); });
  VisitRagged(columns, [&](const char* name, const auto& column) {
    column.Write(StrCat("tree/", name), &out);
  });
  write("tree/node_offsets", columns.node_offsets);
  VisitNodeArrays(
      nodes, [&](const char* name, const auto& array) { write(StrCat("node/", name), array); });
  return out.Finish();
}

TraceShard ParseTraceShard(std::string_view bytes, const FileLabel& label) {
  const Hdf5Reader in(bytes, label);
  TraceShard shard;
  shard.provenance = ReadProvenance(in);
  TreeColumns columns = ReadTreeColumns(in);
  const NodeColumns nodes = ReadNodeColumns(in);
  const size_t trees = columns.horizon.size();
  columns.node_offsets = in.Array<int64_t>("tree/node_offsets");
  CheckOffsets(columns.node_offsets, trees, nodes.parent.size(), "tree/node_offsets", label);
  shard.trees.reserve(trees);
  for (size_t row = 0; row < trees; ++row) {
    shard.trees.push_back(TreeAt(columns, nodes, row, label));
  }
  const std::string fault = OrderFault(shard.trees);
  if (!fault.empty()) label.ThrowDamaged(fault);
  return shard;
}

}  // namespace retort
