#include "core/lm/tokenizer/bpe_reader.h"

#include <set>
#include <string>
#include <utility>

#include "core/base/strings.h"
#include "core/lm/tokenizer/unicode.h"

namespace retort {
namespace {

constexpr size_t kMaxAddedTokenBytes = 1024;

class ModelReader {
 public:
  ModelReader(const TokenizerJson& json, const Json& model) : json_(json), model_(model) {}

  BpeParts Read() {
    RefuseOptions();
    if (MemberOf(model_, "unk_token").is_string())
      parts_.unk_token = json_.Text(model_, "unk_token");
    parts_.byte_fallback = json_.Flag(model_, "byte_fallback", false);
    parts_.fuse_unk = json_.Flag(model_, "fuse_unk", false);
    parts_.ignore_merges = json_.Flag(model_, "ignore_merges", false);
    ReadVocabulary();
    ReadMerges();
    return std::move(parts_);
  }

 private:
  void RefuseOptions() const {
    for (const char* key : {"dropout", "continuing_subword_prefix", "end_of_word_suffix"}) {
      const Json& value = MemberOf(model_, key);
      if (value.is_null() || value == "" || value == 0) continue;
      json_.Refuse(StrCat("model ", key, " ", Quoted(DumpJson(value))), "none");
    }
  }

  /// Ids must be dense, so that they are rows of the embedding.
  void ReadVocabulary() {
    const Json& vocab = MemberOf(model_, "vocab");
    if (!vocab.is_object() || vocab.empty()) json_.Fail("its model has no vocab");
    parts_.pieces.resize(vocab.size());
    std::vector<bool> taken(vocab.size(), false);
    for (const auto& [piece, id] : vocab.items()) {
      if (!id.is_number_unsigned() || id.get<uint64_t>() >= vocab.size()) {
        json_.Fail(StrCat("the id of ", Quoted(piece), " is ", DumpJson(id), ", not one of 0..",
                          vocab.size() - 1, "; ids must be dense"));
      }
      const auto index = id.get<size_t>();
      if (taken[index]) {
        json_.Fail(StrCat("id ", index, " belongs to both ", Quoted(parts_.pieces[index]), " and ",
                          Quoted(piece)));
      }
      taken[index] = true;
      parts_.pieces[index] = piece;
    }
  }

  void ReadMerges() {
    const Json& merges = json_.List(model_, "merges");
    const bool pairs = !merges.empty() && merges.front().is_array();
    parts_.merges.reserve(merges.size());
    for (const Json& merge : merges) {
      if (!pairs && merge.is_string() &&
          merge.get_ref<const std::string&>().starts_with("#version")) {
        continue;  // the first line of the merges.txt this list was made from
      }
      std::vector<std::string> halves;
      if (pairs && merge.is_array()) {
        for (const Json& half : merge)
          halves.push_back(half.is_string() ? half.get<std::string>() : "");
      } else if (!pairs && merge.is_string()) {
        halves = Split(merge.get_ref<const std::string&>(), ' ');
      }
      if (halves.size() != 2 || halves[0].empty() || halves[1].empty()) {
        json_.Fail(StrCat("merge ", parts_.merges.size(), " is ", Quoted(DumpJson(merge)),
                          ", not two pieces written like the others"));
      }
      parts_.merges.emplace_back(std::move(halves[0]), std::move(halves[1]));
    }
  }

  const TokenizerJson& json_;
  const Json& model_;
  BpeParts parts_;
};

}  // namespace

BpeParts ReadBpeParts(const Json& model, const TokenizerJson& json) {
  return ModelReader(json, model).Read();
}

std::vector<AddedToken> ReadAddedTokens(const Json& tokenizer, const BpeModel& model,
                                        size_t vocab_size, const TokenizerJson& json) {
  size_t next_id = vocab_size;
  std::vector<AddedToken> added;
  std::set<std::string> seen;
  if (MemberOf(tokenizer, "added_tokens").is_null()) return added;
  for (const Json& token : json.List(tokenizer, "added_tokens")) {
    if (!token.is_object()) json.Fail("an added token is not an object");
    const std::string content = json.Text(token, "content");
    if (content.empty() || content.size() > kMaxAddedTokenBytes) {
      json.Fail(
          StrCat("an added token has ", content.size(), " bytes, not 1..", kMaxAddedTokenBytes));
    }
    if (!seen.insert(content).second) json.Fail(StrCat(Quoted(content), " is added twice"));
    const int32_t own = model.IdOf(content);
    const size_t id = own >= 0 ? static_cast<size_t>(own) : next_id++;
    if (json.Count(token, "id") != id) {
      json.Fail(StrCat("added token ", Quoted(content), " has id ", json.Count(token, "id"),
                       ", but the vocabulary makes it ", id));
    }
    added.push_back({.id = static_cast<int32_t>(id),
                     .content = content,
                     .single_word = json.Flag(token, "single_word", false),
                     .lstrip = json.Flag(token, "lstrip", false),
                     .rstrip = json.Flag(token, "rstrip", false),
                     .normalized = json.Flag(token, "normalized", false),
                     .special = json.Flag(token, "special", false)});
  }
  return added;
}

void CheckMergesSuffice(const BpeParts& parts, const std::vector<AddedToken>& added,
                        const TokenizerJson& json) {
  if (!parts.merges.empty()) return;
  std::set<std::string_view> whole = {parts.unk_token};
  for (const AddedToken& token : added) whole.insert(token.content);
  for (const std::string& piece : parts.pieces) {
    const bool one_symbol = FirstCodePoint(piece).size_bytes == piece.size() ||
                            (parts.byte_fallback && piece.size() == 6 && piece.starts_with("<0x"));
    if (one_symbol || whole.contains(piece)) continue;
    json.Fail(StrCat("it has no merges, but the piece ", Quoted(piece), " needs one"));
  }
}

}  // namespace retort
