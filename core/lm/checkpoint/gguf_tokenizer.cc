#include "core/lm/checkpoint/gguf_tokenizer.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/base/strings.h"
#include "core/lm/tokenizer/formats.h"
#include "core/lm/tokenizer/pipeline_reader.h"
#include "core/lm/tokenizer/pre_tokenizer.h"
#include "core/lm/tokenizer/unicode.h"

namespace retort {
namespace {

// Values of tokenizer.ggml.token_type, those of SentencePiece.
enum PieceType : int64_t { kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4 };

constexpr size_t kMaxPieceBytes = 1024;  // every split of a piece is looked at

constexpr std::string_view kMark = "\u2581";  // what SentencePiece writes for a space

[[noreturn]] void Refuse(const GgufFile& file, const std::string& why) {
  FailTokenizer(file.path(), why);
}

Json ByteLevel(bool use_regex) {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", false},
          {"trim_offsets", true},
          {"use_regex", use_regex}};
}

Json SequenceOf(const char* member, Json parts) {
  return {{"type", "Sequence"}, {member, std::move(parts)}};
}

Json SplitAt(std::string_view regex) {
  const Json split = {{"type", "Split"},
                      {"pattern", {{"Regex", regex}}},
                      {"behavior", "Isolated"},
                      {"invert", false}};
  return SequenceOf("pretokenizers", Json::array({split, ByteLevel(false)}));
}

/// What stands before the merges of a byte-level model, by the name llama.cpp gives it.
struct PreTokenizer {
  const char* name;
  Json normalizer;
  Json pre_tokenizer;
  bool ignore_merges = false;
  bool adds_bos = false;  // in files that do not say
};

const std::vector<PreTokenizer>& PreTokenizers() {
  static const Json digits = {{"type", "Digits"}, {"individual_digits", true}};
  static const Json nfc = {{"type", "NFC"}};
  static const std::vector<PreTokenizer> known = {
      {"gpt-2", Json(), ByteLevel(true)},
      {"smollm", Json(), SequenceOf("pretokenizers", Json::array({digits, ByteLevel(true)}))},
      {"llama-bpe", Json(), SplitAt(kLlama3Regex), true, true},
      {"qwen2", nfc, SplitAt(kQwen2Regex)},
      {"deepseek-r1-qwen", nfc, SplitAt(kQwen2Regex)}};
  return known;
}

const PreTokenizer& PreTokenizerOf(const GgufFile& file) {
  const std::string name(file.Text("tokenizer.ggml.pre"));
  std::vector<std::string> names;
  for (const PreTokenizer& known : PreTokenizers()) {
    if (known.name == name) return known;
    names.emplace_back(known.name);
  }
  Refuse(file, StrCat("tokenizer.ggml.pre ", DumpJson(name.substr(0, 64)),
                      " is not supported; supported: ", Join(names, ", ")));
}

bool BoolOr(const GgufFile& file, const char* key, bool fallback) {
  return file.Has(key) ? file.Bool(key) : fallback;
}

/// tokenizer.ggml.* as both kinds of model need it.
class Vocabulary {
 public:
  explicit Vocabulary(const GgufFile& file)
      : file_(file), pieces_(file.Texts("tokenizer.ggml.tokens")) {
    constexpr char kTypes[] = "tokenizer.ggml.token_type";
    types_ = file.Has(kTypes) ? file.Ints(kTypes) : std::vector<int64_t>(pieces_.size(), kNormal);
    if (types_.size() != pieces_.size()) {
      Refuse(file, StrCat(kTypes, " has ", types_.size(), " entries, tokenizer.ggml.tokens ",
                          pieces_.size()));
    }
    for (size_t id = 0; id < pieces_.size(); ++id) {
      if (pieces_[id].empty() || pieces_[id].size() > kMaxPieceBytes) {
        Refuse(file, StrCat("token ", id, " has ", pieces_[id].size(), " bytes, not 1..",
                            kMaxPieceBytes));
      }
      if (ReplaceInvalidUtf8(pieces_[id]) != pieces_[id]) {
        Refuse(file, StrCat("token ", id, " is not UTF-8"));
      }
      if (!ids_.emplace(pieces_[id], id).second) Refuse(file, StrCat("token ", id, " is not new"));
    }
  }

  const std::vector<std::string_view>& pieces() const { return pieces_; }
  bool Is(size_t id, PieceType type) const { return types_[id] == type; }
  /// Whether merges may read or make it.
  bool Merges(std::string_view piece) const {
    const auto it = ids_.find(piece);
    return it != ids_.end() && (Is(it->second, kNormal) || Is(it->second, kUserDefined));
  }

  Json Ids() const {
    Json ids = Json::object();
    for (size_t id = 0; id < pieces_.size(); ++id) ids[std::string(pieces_[id])] = id;
    return ids;
  }

  /// Tokens that are cut out of a text before anything else.
  Json Added() const {
    Json added = Json::array();
    for (size_t id = 0; id < pieces_.size(); ++id) {
      const bool special = Is(id, kControl) || Is(id, kUnknown);
      if (!special && !Is(id, kUserDefined)) continue;
      added.push_back({{"id", id},
                       {"content", pieces_[id]},
                       {"single_word", false},
                       {"lstrip", false},
                       {"rstrip", false},
                       {"normalized", false},
                       {"special", special}});
    }
    return added;
  }

  /// The piece of tokenizer.ggml.`role`_token_id; null if there is none.
  Json Special(const char* role) const {
    const std::string key = StrCat("tokenizer.ggml.", role, "_token_id");
    if (!file_.Has(key)) return {};
    const int64_t id = file_.Int(key);
    if (id < 0 || id >= std::ssize(pieces_)) {
      Refuse(file_, StrCat(key, " ", id, " is outside 0..", std::ssize(pieces_) - 1));
    }
    return pieces_[static_cast<size_t>(id)];
  }

 private:
  const GgufFile& file_;
  std::vector<std::string_view> pieces_;
  std::vector<int64_t> types_;
  std::unordered_map<std::string_view, size_t> ids_;
};

/// One split of a piece into two.
struct ScoredMerge {
  float score;  // of the whole piece
  size_t left_size;
  std::pair<std::string_view, std::string_view> halves;
};

/// SentencePiece joins the pair whose piece has the highest score; as a list of merges, the way
/// `transformers` makes it (tokenization_utils_sentencepiece.generate_merges).
Json MergesByScore(const GgufFile& file, const Vocabulary& vocabulary) {
  const std::vector<float> scores = file.Floats("tokenizer.ggml.scores");
  const auto& pieces = vocabulary.pieces();
  if (scores.size() != pieces.size()) {
    Refuse(file, StrCat("tokenizer.ggml.scores has ", scores.size(),
                        " entries, tokenizer.ggml.tokens ", pieces.size()));
  }
  std::vector<ScoredMerge> merges;
  for (size_t id = 0; id < pieces.size(); ++id) {
    const std::string_view piece = pieces[id];
    if (!vocabulary.Merges(piece)) continue;
    for (size_t at = FirstCodePoint(piece).size_bytes; at < piece.size();
         at += FirstCodePoint(piece.substr(at)).size_bytes) {
      const auto left = piece.substr(0, at), right = piece.substr(at);
      if (!vocabulary.Merges(left) || !vocabulary.Merges(right)) continue;
      merges.push_back({.score = scores[id], .left_size = at, .halves = {left, right}});
    }
  }
  std::stable_sort(merges.begin(), merges.end(), [](const ScoredMerge& a, const ScoredMerge& b) {
    return a.score != b.score ? a.score > b.score : a.left_size > b.left_size;
  });
  Json list = Json::array();
  for (const ScoredMerge& merge : merges) {
    list.push_back(Json::array({merge.halves.first, merge.halves.second}));
  }
  return list;
}

/// The parts of tokenizer.json that the kind of model decides.
struct Parts {
  Json normalizer, pre_tokenizer, decoder, model;
  bool adds_bos = false;
};

Parts ByteLevelParts(const GgufFile& file, const Vocabulary& vocabulary) {
  const PreTokenizer& pre = PreTokenizerOf(file);
  return {.normalizer = pre.normalizer,
          .pre_tokenizer = pre.pre_tokenizer,
          .decoder = ByteLevel(true),
          .model = {{"type", "BPE"},
                    {"vocab", vocabulary.Ids()},
                    {"merges", file.Texts("tokenizer.ggml.merges")},
                    {"unk_token", nullptr},
                    {"byte_fallback", false},
                    {"fuse_unk", false},
                    {"ignore_merges", pre.ignore_merges}},
          .adds_bos = pre.adds_bos};
}

Parts SentencePieceParts(const GgufFile& file, const Vocabulary& vocabulary) {
  for (size_t id = 0; id < vocabulary.pieces().size(); ++id) {
    const std::string_view piece = vocabulary.pieces()[id];
    if (vocabulary.Is(id, kUserDefined) && piece.find(kMark) != std::string_view::npos) {
      Refuse(file, StrCat("user-defined token ", id, " has a space, which is not supported"));
    }
  }
  const bool prefix = BoolOr(file, "tokenizer.ggml.add_space_prefix", true);
  Json normalizers = Json::array(), decoders = Json::array();
  if (prefix) normalizers.push_back({{"type", "Prepend"}, {"prepend", kMark}});
  normalizers.push_back({{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", kMark}});
  decoders.push_back({{"type", "Replace"}, {"pattern", {{"String", kMark}}}, {"content", " "}});
  decoders.push_back({{"type", "ByteFallback"}});
  decoders.push_back({{"type", "Fuse"}});
  if (prefix) {
    decoders.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  }
  return {.normalizer = SequenceOf("normalizers", normalizers),
          .pre_tokenizer = Json(),
          .decoder = SequenceOf("decoders", decoders),
          .model = {{"type", "BPE"},
                    {"vocab", vocabulary.Ids()},
                    {"merges", MergesByScore(file, vocabulary)},
                    {"unk_token", vocabulary.Special("unknown")},
                    {"byte_fallback", true},
                    {"fuse_unk", true},
                    {"ignore_merges", false}},
          .adds_bos = true};
}

Parts PartsOf(const GgufFile& file, const Vocabulary& vocabulary) {
  const std::string_view model = file.Text("tokenizer.ggml.model");
  if (model == "gpt2") return ByteLevelParts(file, vocabulary);
  if (model == "llama") return SentencePieceParts(file, vocabulary);
  Refuse(file, StrCat("tokenizer.ggml.model ", DumpJson(std::string(model.substr(0, 64))),
                      " is not supported; supported: gpt2, llama"));
}

Json ConfigOf(const GgufFile& file, const Vocabulary& vocabulary) {
  Json config = {{"tokenizer_class", "PreTrainedTokenizerFast"},
                 {"clean_up_tokenization_spaces", false}};
  const std::pair<const char*, const char*> roles[] = {{"bos_token", "bos"},
                                                       {"eos_token", "eos"},
                                                       {"pad_token", "padding"},
                                                       {"unk_token", "unknown"}};
  for (const auto& [key, role] : roles) {
    Json piece = vocabulary.Special(role);
    if (!piece.is_null()) config[key] = std::move(piece);
  }
  if (file.Has("tokenizer.chat_template")) {
    config["chat_template"] = ReplaceInvalidUtf8(file.Text("tokenizer.chat_template"));
  }
  return config;
}

}  // namespace

TokenizerFiles GgufTokenizerFiles(const GgufFile& file) {
  const Vocabulary vocabulary(file);
  Parts parts = PartsOf(file, vocabulary);
  Json post_processor;
  if (BoolOr(file, "tokenizer.ggml.add_bos_token", parts.adds_bos)) {
    const Json bos = vocabulary.Special("bos");
    if (bos.is_null())
      Refuse(file, "it adds a bos token, but key tokenizer.ggml.bos_token_id is missing");
    post_processor = PutFirst(bos.get<std::string>(), file.Int("tokenizer.ggml.bos_token_id"));
  }
  return {.tokenizer = {{"version", "1.0"},
                        {"truncation", nullptr},
                        {"padding", nullptr},
                        {"added_tokens", vocabulary.Added()},
                        {"normalizer", std::move(parts.normalizer)},
                        {"pre_tokenizer", std::move(parts.pre_tokenizer)},
                        {"post_processor", std::move(post_processor)},
                        {"decoder", std::move(parts.decoder)},
                        {"model", std::move(parts.model)}},
          .config = ConfigOf(file, vocabulary)};
}

std::unique_ptr<Tokenizer> GgufTokenizer(const GgufFile& file) {
  TokenizerFiles files = GgufTokenizerFiles(file);
  std::string bytes = DumpJson(files.tokenizer);
  const Json read = ParseJson(bytes, file.path());  // as it will be read once it is saved
  return MakeBpeFromJson(std::move(bytes), read, std::move(files.config), file.path());
}

}  // namespace retort
