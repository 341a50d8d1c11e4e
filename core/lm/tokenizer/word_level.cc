// Words separated by Unicode white space, each a token: tokenizer.json of model type WordLevel.
// Added tokens are cut out of the text before it is split, as `tokenizers` does.

#include <algorithm>
#include <map>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "core/base/commit.h"
#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/base/strings.h"
#include "core/lm/tokenizer/formats.h"
#include "core/lm/tokenizer/pipeline_reader.h"

namespace retort {
namespace {

/// Bytes of the white-space character (Unicode White_Space) at the start of `text`, 0 if none is.
size_t WhiteSpaceBytes(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  if (first < 0x80) return (first >= 0x09 && first <= 0x0D) || first == ' ' ? 1 : 0;
  static constexpr std::string_view kWide[] = {"\u0085", "\u00A0", "\u1680", "\u2000", "\u2001",
                                               "\u2002", "\u2003", "\u2004", "\u2005", "\u2006",
                                               "\u2007", "\u2008", "\u2009", "\u200A", "\u2028",
                                               "\u2029", "\u202F", "\u205F", "\u3000"};
  for (const std::string_view space : kWide) {
    if (text.starts_with(space)) return space.size();
  }
  return 0;
}

struct Vocabulary {
  std::vector<std::string> pieces;       // by id
  std::vector<int32_t> added;            // ids of added tokens, cut out of the text
  std::vector<bool> special;             // by id: left out when decoding
  std::optional<std::string> unk_token;  // of the WordLevel model
  Json post_processor;                   // whether bos comes first; kept as it is
  SpecialIds ids;
};

class WordLevelTokenizer final : public Tokenizer {
 public:
  WordLevelTokenizer(Vocabulary vocabulary, Json config)
      : vocabulary_(std::move(vocabulary)), config_(std::move(config)) {
    for (size_t i = 0; i < vocabulary_.pieces.size(); ++i) {
      id_of_.emplace(vocabulary_.pieces[i], static_cast<int32_t>(i));
    }
    if (vocabulary_.unk_token) unknown_ = id_of_.at(*vocabulary_.unk_token);
    // Files that put bos first and files that leave it to Retort are the same tokenizer.
    const Json post_processor = vocabulary_.ids.adds_bos ? Json() : vocabulary_.post_processor;
    sha256_ = retort::Sha256(
        StrCat(DumpJson(ToJson(post_processor)), "\n", SpecialIdsText(vocabulary_.ids)));
  }

  std::vector<int32_t> Encode(std::string_view text) const override {
    std::vector<int32_t> ids;
    size_t begin = 0;
    for (size_t i = 0; i < text.size();) {
      const int32_t added = AddedTokenAt(text.substr(i));
      if (added < 0) {
        ++i;
        continue;
      }
      EncodeWords(text.substr(begin, i - begin), &ids);
      ids.push_back(added);
      i += Spelling(added).size();
      begin = i;
    }
    EncodeWords(text.substr(begin), &ids);
    return ids;
  }

  std::string Decode(std::span<const int32_t> ids) const override {
    std::string text;
    bool first = true;
    for (const int32_t id : ids) {
      const std::string& piece = Spelling(id);
      if (vocabulary_.special[static_cast<size_t>(id)]) continue;
      if (!first) text += ' ';
      first = false;
      text += piece;
    }
    return text;
  }

  std::string Piece(int32_t id) const override { return Spelling(id); }
  int VocabSize() const override { return static_cast<int>(vocabulary_.pieces.size()); }
  const SpecialIds& Specials() const override { return vocabulary_.ids; }
  const std::string& Sha256() const override { return sha256_; }
  std::string ChatTemplate() const override { return ChatTemplateOf(config_); }

  void Save(Env& env, const std::string& dir) const override {
    env.CreateDirs(dir);
    const int32_t bos = vocabulary_.ids.bos;
    const Json post_processor =
        vocabulary_.ids.adds_bos ? PutFirst(Spelling(bos), bos) : vocabulary_.post_processor;
    WriteFileAtomically(env, JoinPath(dir, kTokenizerJsonName),
                        DumpJsonPretty(ToJson(post_processor)));
    WriteFileAtomically(env, JoinPath(dir, kTokenizerConfigName), DumpJsonPretty(config_));
  }

 private:
  const std::string& Spelling(int32_t id) const {
    RETORT_CHECK(id >= 0 && id < VocabSize(), "token id ", id, " is outside 0..", VocabSize() - 1);
    return vocabulary_.pieces[static_cast<size_t>(id)];
  }

  /// The longest added token that `text` begins with, or -1.
  int32_t AddedTokenAt(std::string_view text) const {
    int32_t best = -1;
    for (const int32_t id : vocabulary_.added) {
      const std::string& piece = Spelling(id);
      if (text.starts_with(piece) && (best < 0 || piece.size() > Spelling(best).size())) best = id;
    }
    return best;
  }

  void EncodeWords(std::string_view text, std::vector<int32_t>* ids) const {
    size_t begin = 0;
    for (size_t i = 0; i <= text.size();) {
      const size_t space = i < text.size() ? WhiteSpaceBytes(text.substr(i)) : 1;
      if (space == 0) {
        ++i;
        continue;
      }
      if (i > begin) ids->push_back(IdOf(std::string(text.substr(begin, i - begin))));
      i += space;
      begin = i;
    }
  }

  int32_t IdOf(const std::string& word) const {
    const auto it = id_of_.find(word);
    if (it != id_of_.end()) return it->second;
    if (unknown_) return *unknown_;
    throw Error(ExitCode::kData, StrCat("cannot encode the word \"", word,
                                        "\" - it is not in the vocabulary and the tokenizer has "
                                        "no unknown token - use words of the vocabulary"));
  }

  Json ToJson(const Json& post_processor) const {
    Json vocab = Json::object();
    for (size_t i = 0; i < vocabulary_.pieces.size(); ++i) vocab[vocabulary_.pieces[i]] = i;
    Json added = Json::array();
    for (const int32_t id : vocabulary_.added) {
      added.push_back(
          {{"id", id},
           {"content", Spelling(id)},
           {"single_word", false},
           {"lstrip", false},
           {"rstrip", false},
           {"normalized", false},
           {"special", static_cast<bool>(vocabulary_.special[static_cast<size_t>(id)])}});
    }
    Json model = {{"type", "WordLevel"}, {"vocab", vocab}};
    model["unk_token"] = vocabulary_.unk_token ? Json(*vocabulary_.unk_token) : Json("<unk>");
    return {{"version", "1.0"},
            {"truncation", nullptr},
            {"padding", nullptr},
            {"added_tokens", added},
            {"normalizer", nullptr},
            {"pre_tokenizer", {{"type", "WhitespaceSplit"}}},
            {"post_processor", post_processor},
            {"decoder", nullptr},
            {"model", model}};
  }

  Vocabulary vocabulary_;
  Json config_;  // tokenizer_config.json
  std::unordered_map<std::string, int32_t> id_of_;
  std::optional<int32_t> unknown_;
  std::string sha256_;
};

/// Reads a tokenizer.json piece by piece; every complaint names the file.
class WordLevelReader {
 public:
  WordLevelReader(const Json& tokenizer, const std::string& where)
      : tokenizer_(tokenizer), where_(where) {}

  Vocabulary Read(const Json& config) {
    CheckPipeline();
    ReadModelVocabulary();
    ReadAddedTokens();
    FillPieces();
    ReadSpecials(config);
    ReadPostProcessor();
    return std::move(vocabulary_);
  }

 private:
  /// Anything that would change ids or text and that this reader does not do is refused.
  void CheckPipeline() const {
    CheckComponent("normalizer", nullptr);
    CheckComponent("decoder", nullptr);
    CheckComponent("pre_tokenizer", "WhitespaceSplit");
    if (!tokenizer_.value("post_processor", Json()).is_null()) {
      CheckComponent("post_processor", "TemplateProcessing");
    }
  }

  void CheckComponent(const char* key, const Json& wanted) const {
    const Json component = tokenizer_.value(key, Json());
    const Json type = component.is_object() ? component.value("type", Json("?")) : component;
    if (type == wanted) return;
    FailTokenizer(where_, StrCat("not supported with model type WordLevel: ", key, " ",
                                 DumpJson(type), "; supported: ", DumpJson(wanted)));
  }

  void AddPiece(const Json& id, const std::string& piece) {
    if (!id.is_number_unsigned() || id.get<uint64_t>() >= kMaxTokenizerBytes) {
      FailTokenizer(where_, StrCat("the id of \"", piece, "\" is not a token id"));
    }
    const auto [it, inserted] = by_id_.emplace(id.get<int32_t>(), piece);
    if (!inserted && it->second != piece) {
      FailTokenizer(where_, StrCat("id ", it->first, " belongs to both \"", it->second, "\" and \"",
                                   piece, "\""));
    }
  }

  void ReadModelVocabulary() {
    const Json& model = tokenizer_.at("model");
    if (!model.contains("vocab") || !model.at("vocab").is_object() || model.at("vocab").empty()) {
      FailTokenizer(where_, "its model has no vocab");
    }
    for (const auto& [piece, id] : model.at("vocab").items()) AddPiece(id, piece);
    if (model.contains("unk_token") && model.at("unk_token").is_string()) {
      const auto unk = model.at("unk_token").get<std::string>();
      if (model.at("vocab").contains(unk)) vocabulary_.unk_token = unk;
    }
  }

  void ReadAddedTokens() {
    const Json added = tokenizer_.value("added_tokens", Json::array());
    if (!added.is_array()) FailTokenizer(where_, "added_tokens is not a list");
    for (const Json& token : added) ReadAddedToken(token);
  }

  void ReadAddedToken(const Json& token) {
    const bool whole = token.is_object() && token.contains("id") && token.contains("content") &&
                       token.at("content").is_string();
    const auto content = whole ? token.at("content").get<std::string>() : "";
    if (content.empty()) FailTokenizer(where_, "an added token has no id or content");
    for (const char* flag : {"single_word", "lstrip", "rstrip"}) {
      if (token.value(flag, Json(false)) != false) {
        FailTokenizer(
            where_, StrCat("added token \"", content, "\" has ", flag, ", which is not supported"));
      }
    }
    AddPiece(token.at("id"), content);
    const auto id = token.at("id").get<int32_t>();
    vocabulary_.added.push_back(id);
    if (token.value("special", Json(false)) == true) special_.push_back(id);
  }

  /// Ids must be dense, so that they are rows of the embedding.
  void FillPieces() {
    std::unordered_map<std::string, int32_t> seen;
    for (const auto& [id, piece] : by_id_) {
      if (id != static_cast<int32_t>(vocabulary_.pieces.size())) {
        FailTokenizer(where_, StrCat("no token has id ", vocabulary_.pieces.size()));
      }
      if (!seen.emplace(piece, id).second) {
        FailTokenizer(where_, StrCat("\"", piece, "\" has two ids"));
      }
      vocabulary_.pieces.push_back(piece);
    }
    vocabulary_.special.assign(vocabulary_.pieces.size(), false);
    for (const int32_t id : special_) vocabulary_.special[static_cast<size_t>(id)] = true;
  }

  void ReadSpecials(const Json& config) {
    const auto id_of = [this](const std::string& piece) {
      const auto& pieces = vocabulary_.pieces;
      const auto it = std::find(pieces.begin(), pieces.end(), piece);
      return it == pieces.end() ? -1 : static_cast<int32_t>(it - pieces.begin());
    };
    vocabulary_.ids = ReadSpecialIds(config, id_of, where_);
    for (const int32_t id :
         {vocabulary_.ids.bos, vocabulary_.ids.eos, vocabulary_.ids.pad, vocabulary_.ids.unk}) {
      if (id >= 0) MarkSpecial(id);
    }
  }

  /// Without one, bos comes first: so are tokenizers that Retort made itself.
  void ReadPostProcessor() {
    vocabulary_.post_processor = tokenizer_.value("post_processor", Json());
    SpecialIds& ids = vocabulary_.ids;
    ids.adds_bos = ids.bos >= 0;
    if (vocabulary_.post_processor.is_null()) return;
    const TokenizerJson json(where_);
    const std::string first = FirstTokenOf(vocabulary_.post_processor, json);
    ids.adds_bos = !first.empty();
    if (first.empty() ||
        (ids.bos >= 0 && first == vocabulary_.pieces[static_cast<size_t>(ids.bos)]))
      return;
    FailTokenizer(where_, StrCat("its post_processor puts \"", first, "\" first, not bos_token"));
  }

  /// `transformers` cuts out and skips every token that tokenizer_config.json calls special.
  void MarkSpecial(int32_t id) {
    vocabulary_.special[static_cast<size_t>(id)] = true;
    auto& added = vocabulary_.added;
    if (std::find(added.begin(), added.end(), id) == added.end()) added.push_back(id);
  }

  const Json& tokenizer_;
  const std::string& where_;
  std::map<int32_t, std::string> by_id_;
  std::vector<int32_t> special_;
  Vocabulary vocabulary_;
};

Json WordLevelConfig() {
  return {{"tokenizer_class", "PreTrainedTokenizerFast"},
          {"pad_token", "<pad>"},
          {"bos_token", "<bos>"},
          {"eos_token", "<eos>"},
          {"unk_token", "<unk>"},
          {"clean_up_tokenization_spaces", false}};
}

bool IsOneWord(std::string_view word) {
  for (size_t i = 0; i < word.size(); ++i) {
    if (WhiteSpaceBytes(word.substr(i)) > 0) return false;
  }
  return !word.empty();
}

}  // namespace

std::unique_ptr<Tokenizer> MakeWordLevelTokenizer(const std::vector<std::string>& words) {
  Vocabulary vocabulary;
  vocabulary.pieces = {"<pad>", "<bos>", "<eos>", "<unk>"};
  vocabulary.added = {0, 1, 2, 3};
  vocabulary.unk_token = "<unk>";
  vocabulary.ids = {.bos = 1, .eos = 2, .pad = 0, .unk = 3, .adds_bos = true};
  std::unordered_set<std::string> known(vocabulary.pieces.begin(), vocabulary.pieces.end());
  for (const std::string& word : words) {
    RETORT_CHECK(IsOneWord(word), "\"", word, "\" is not one word");
    RETORT_CHECK(known.insert(word).second, "the word \"", word, "\" is given twice");
    vocabulary.pieces.push_back(word);
  }
  vocabulary.special.assign(vocabulary.pieces.size(), false);
  for (const int32_t id : vocabulary.added) vocabulary.special[static_cast<size_t>(id)] = true;
  return std::make_unique<WordLevelTokenizer>(std::move(vocabulary), WordLevelConfig());
}

std::unique_ptr<Tokenizer> MakeWordLevelFromJson(const Json& tokenizer,
                                                 const Json& tokenizer_config,
                                                 const std::string& where) {
  return std::make_unique<WordLevelTokenizer>(
      WordLevelReader(tokenizer, where).Read(tokenizer_config), tokenizer_config);
}

}  // namespace retort
