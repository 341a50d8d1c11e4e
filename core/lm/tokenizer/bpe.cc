// tokenizer.json of model type BPE, byte-level or with byte fallback, as `tokenizers` 0.23 does it.
// Added tokens spelled in a text become their ids. Bytes
// that are no UTF-8 count as U+FFFD. The file's own bytes are kept for Save.

#include <algorithm>
#include <iterator>
#include <utility>

#include "core/base/commit.h"
#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/base/strings.h"
#include "core/lm/tokenizer/bpe_reader.h"
#include "core/lm/tokenizer/formats.h"
#include "core/lm/tokenizer/pipeline_reader.h"
#include "core/lm/tokenizer/unicode.h"

namespace retort {
namespace {

/// What a BPE tokenizer is made of.
struct BpeFiles {
  std::string bytes;  // of tokenizer.json
  Json config;        // tokenizer_config.json
};

struct BpeVocabulary {
  std::vector<std::string> pieces;   // by id, spelled as in the file
  std::vector<std::string> decoded;  // by id, what the decoder gets
  std::vector<bool> special;         // by id: left out when decoding
  SpecialIds ids;
};

AddedTokenMatcher MakeMatcher(const std::vector<AddedToken>& added, bool normalized,
                              const BpeVocabulary& vocabulary) {
  std::vector<AddedToken> tokens;
  std::vector<std::string> spellings;
  for (const AddedToken& token : added) {
    if (token.normalized != normalized) continue;
    tokens.push_back(token);
    spellings.push_back(vocabulary.decoded[static_cast<size_t>(token.id)]);
  }
  return {std::move(tokens), spellings};
}

class BpeTokenizer final : public Tokenizer {
 public:
  BpeTokenizer(BpeModel model, TokenizerPipeline pipeline, BpeVocabulary vocabulary,
               const std::vector<AddedToken>& added, BpeFiles files)
      : model_(std::move(model)),
        pipeline_(std::move(pipeline)),
        vocabulary_(std::move(vocabulary)),
        added_(MakeMatcher(added, false, vocabulary_)),
        normalized_added_(MakeMatcher(added, true, vocabulary_)),
        files_(std::move(files)) {
    sha256_ = retort::Sha256(StrCat(files_.bytes, "\n", SpecialIdsText(vocabulary_.ids)));
  }

  std::vector<int32_t> Encode(std::string_view text) const override {
    const std::string valid = ReplaceInvalidUtf8(text);
    std::vector<int32_t> ids;
    for (const TextPart& part : added_.Split(valid)) {
      if (part.id >= 0) {
        ids.push_back(part.id);
      } else {
        EncodePart(part.text, part.text.data() == valid.data(), &ids);
      }
    }
    return ids;
  }

  std::string Decode(std::span<const int32_t> ids) const override {
    std::vector<std::string> pieces;
    for (const int32_t id : ids) {
      const size_t index = Index(id);
      if (!vocabulary_.special[index]) pieces.push_back(vocabulary_.decoded[index]);
    }
    return DecodePieces(pipeline_.decoder, std::move(pieces));
  }

  std::string Piece(int32_t id) const override { return vocabulary_.pieces[Index(id)]; }
  int VocabSize() const override { return static_cast<int>(vocabulary_.pieces.size()); }
  const SpecialIds& Specials() const override { return vocabulary_.ids; }
  const std::string& Sha256() const override { return sha256_; }
  std::string ChatTemplate() const override { return ChatTemplateOf(files_.config); }

  void Save(Env& env, const std::string& dir) const override {
    env.CreateDirs(dir);
    WriteFileAtomically(env, JoinPath(dir, kTokenizerJsonName), files_.bytes);
    WriteFileAtomically(env, JoinPath(dir, kTokenizerConfigName), DumpJsonPretty(files_.config));
  }

 private:
  size_t Index(int32_t id) const {
    RETORT_CHECK(id >= 0 && id < VocabSize(), "token id ", id, " is outside 0..", VocabSize() - 1);
    return static_cast<size_t>(id);
  }

  /// `text` stands between two added tokens; `starts_text` says that nothing stands before it.
  void EncodePart(std::string_view text, bool starts_text, std::vector<int32_t>* ids) const {
    const std::string normal = Normalize(pipeline_.normalizer, text);
    for (const TextPart& part : normalized_added_.Split(normal)) {
      if (part.id >= 0) {
        ids->push_back(part.id);
        continue;
      }
      const bool first = starts_text && part.text.data() == normal.data();
      for (const std::string& piece :
           SplitPieces(pipeline_.pre_tokenizer, std::string(part.text), first)) {
        model_.Encode(piece, ids);
      }
    }
  }

  BpeModel model_;
  TokenizerPipeline pipeline_;
  BpeVocabulary vocabulary_;
  AddedTokenMatcher added_;             // looked for in the text as it is
  AddedTokenMatcher normalized_added_;  // looked for after the normalizer
  BpeFiles files_;
  std::string sha256_;
};

/// Spellings and flags by id, the added tokens' included.
BpeVocabulary MakeVocabulary(const BpeParts& parts, const std::vector<AddedToken>& added,
                             const std::vector<NormalizeStep>& normalizer) {
  BpeVocabulary vocabulary;
  vocabulary.pieces = vocabulary.decoded = parts.pieces;
  for (const AddedToken& token : added) {
    const auto index = static_cast<size_t>(token.id);
    if (index == vocabulary.pieces.size()) {
      vocabulary.pieces.emplace_back();
      vocabulary.decoded.emplace_back();
    }
    vocabulary.pieces[index] = token.content;
    vocabulary.decoded[index] =
        token.normalized ? Normalize(normalizer, token.content) : token.content;
  }
  vocabulary.special.assign(vocabulary.pieces.size(), false);
  for (const AddedToken& token : added) {
    vocabulary.special[static_cast<size_t>(token.id)] = token.special;
  }
  return vocabulary;
}

/// `transformers` cuts out and skips every token that tokenizer_config.json calls special.
void MarkSpecials(const SpecialIds& ids, BpeVocabulary* vocabulary,
                  std::vector<AddedToken>* added) {
  vocabulary->ids = ids;
  for (const int32_t id : {ids.bos, ids.eos, ids.pad, ids.unk}) {
    if (id < 0) continue;
    const auto index = static_cast<size_t>(id);
    vocabulary->special[index] = true;
    const bool known = std::any_of(added->begin(), added->end(),
                                   [id](const AddedToken& token) { return token.id == id; });
    if (known) continue;
    added->push_back(
        {.id = id, .content = vocabulary->pieces[index], .normalized = false, .special = true});
  }
}

/// What the post-processor puts first is bos, whether the config names it or not.
void ApplyFirstToken(const std::string& first_token, int32_t id, SpecialIds* ids,
                     const TokenizerJson& json) {
  if (first_token.empty()) return;
  if (id < 0 || (ids->bos >= 0 && ids->bos != id)) {
    json.Refuse(StrCat("post_processor that puts ", Quoted(first_token), " first"), "bos_token");
  }
  ids->bos = id;
  ids->adds_bos = true;
}

/// Two added tokens that the normalizer makes the same cannot be told apart.
void CheckSpellingsDiffer(const std::vector<AddedToken>& added, const BpeVocabulary& vocabulary,
                          const TokenizerJson& json) {
  std::vector<std::string> spellings;
  for (const AddedToken& token : added) {
    if (token.normalized) spellings.push_back(vocabulary.decoded[static_cast<size_t>(token.id)]);
  }
  std::sort(spellings.begin(), spellings.end());
  const auto twice = std::adjacent_find(spellings.begin(), spellings.end());
  if (twice == spellings.end()) return;
  json.Fail(StrCat("two added tokens become ", Quoted(*twice), " when normalized"));
}

/// tokenizer_config.json may add tokens of its own, which `transformers` would then use.
void CheckConfigAddsNothing(const Json& config, const BpeVocabulary& vocabulary,
                            const TokenizerJson& json) {
  const Json& listed = MemberOf(config, "added_tokens_decoder");
  if (!listed.is_object()) return;
  const auto& pieces = vocabulary.pieces;
  for (const auto& [id, token] : listed.items()) {
    const std::string content = token.is_object() ? json.Text(token, "content") : "";
    const bool known = id.size() <= 8 && id.find_first_not_of("0123456789") == std::string::npos &&
                       !id.empty() && std::stoul(id) < pieces.size() &&
                       pieces[std::stoul(id)] == content;
    if (known) continue;
    json.Fail(StrCat(kTokenizerConfigName, " adds ", Quoted(content), " as id ", Quoted(id),
                     ", which ", kTokenizerJsonName, " does not have"));
  }
}

}  // namespace

std::unique_ptr<Tokenizer> MakeBpeFromJson(std::string bytes, const Json& tokenizer,
                                           Json tokenizer_config, const std::string& where) {
  const TokenizerJson json(where);
  TokenizerPipeline pipeline = ReadPipeline(tokenizer, json);
  BpeParts parts = ReadBpeParts(MemberOf(tokenizer, "model"), json);
  parts.byte_level = pipeline.byte_level;
  if (parts.byte_level && parts.byte_fallback) json.Refuse("byte_fallback with ByteLevel", "one");
  BpeModel model(parts, where);
  std::vector<AddedToken> added = ReadAddedTokens(tokenizer, model, parts.pieces.size(), json);
  CheckMergesSuffice(parts, added, json);
  BpeVocabulary vocabulary = MakeVocabulary(parts, added, pipeline.normalizer);
  CheckSpellingsDiffer(added, vocabulary, json);
  CheckConfigAddsNothing(tokenizer_config, vocabulary, json);
  const auto id_of = [&vocabulary](const std::string& piece) {
    const auto& pieces = vocabulary.pieces;
    const auto it = std::find(pieces.begin(), pieces.end(), piece);
    return it == pieces.end() ? -1 : static_cast<int32_t>(it - pieces.begin());
  };
  SpecialIds ids = ReadSpecialIds(tokenizer_config, id_of, where);
  ApplyFirstToken(pipeline.first_token, id_of(pipeline.first_token), &ids, json);
  MarkSpecials(ids, &vocabulary, &added);
  if (tokenizer_config.empty()) {
    tokenizer_config = {{"tokenizer_class", "PreTrainedTokenizerFast"},
                        {"clean_up_tokenization_spaces", false}};
  }
  return std::make_unique<BpeTokenizer>(
      std::move(model), std::move(pipeline), std::move(vocabulary), added,
      BpeFiles{.bytes = std::move(bytes), .config = std::move(tokenizer_config)});
}

}  // namespace retort
