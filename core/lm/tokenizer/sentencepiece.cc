// SentencePiece through libsentencepiece. Text is text: a control piece spelled in it ("</s>") is
// encoded as ordinary pieces and never becomes the control id.

#include <sentencepiece_processor.h>

#include <utility>

#include "core/base/commit.h"
#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/base/strings.h"
#include "core/lm/tokenizer/formats.h"
#include "core/lm/tokenizer/sentencepiece_scan.h"
#include "core/lm/tokenizer/tokenizer_json.h"

namespace retort {
namespace {

void CheckStatus(const sentencepiece::util::Status& status, const std::string& what) {
  if (!status.ok()) {
    throw Error(ExitCode::kData, StrCat("SentencePiece failed - ", what, " - ", status.ToString()));
  }
}

class SentencePieceTokenizer final : public Tokenizer {
 public:
  SentencePieceTokenizer(std::string model, Json config, const std::string& where)
      : model_(std::move(model)), config_(std::move(config)) {
    CheckStatus(processor_.LoadFromSerializedProto(model_), StrCat("loading ", where));
    specials_ = {.bos = processor_.bos_id(),
                 .eos = processor_.eos_id(),
                 .pad = processor_.pad_id(),
                 .unk = processor_.unk_id()};
    const Json& add_bos = MemberOf(config_, "add_bos_token");
    specials_.adds_bos = specials_.bos >= 0 && add_bos != false;
    const bool unused_bos = specials_.bos >= 0 && !specials_.adds_bos;
    sha256_ = retort::Sha256(unused_bos ? StrCat(model_, " no bos") : model_);
    if (config_.empty()) config_ = DefaultConfig();
  }

  std::vector<int32_t> Encode(std::string_view text) const override {
    std::vector<int> ids;
    CheckStatus(processor_.Encode(text, &ids), "encoding a text");
    return ids;
  }

  std::string Decode(std::span<const int32_t> ids) const override {
    std::vector<int> kept;
    for (const int32_t id : ids) {
      CheckId(id);
      if (!processor_.IsControl(id) && !processor_.IsUnknown(id)) kept.push_back(id);
    }
    std::string text;
    CheckStatus(processor_.Decode(kept, &text), "decoding ids");
    return text;
  }

  std::string Piece(int32_t id) const override {
    CheckId(id);
    return processor_.IdToPiece(id);
  }
  int VocabSize() const override { return processor_.GetPieceSize(); }
  const SpecialIds& Specials() const override { return specials_; }
  const std::string& Sha256() const override { return sha256_; }
  std::string ChatTemplate() const override { return ChatTemplateOf(config_); }

  void Save(Env& env, const std::string& dir) const override {
    env.CreateDirs(dir);
    WriteFileAtomically(env, JoinPath(dir, kTokenizerModelName), model_);
    WriteFileAtomically(env, JoinPath(dir, kTokenizerConfigName), DumpJsonPretty(config_));
  }

 private:
  void CheckId(int32_t id) const {
    RETORT_CHECK(id >= 0 && id < VocabSize(), "token id ", id, " is outside 0..", VocabSize() - 1);
  }

  Json DefaultConfig() const {
    Json config = {{"tokenizer_class", "LlamaTokenizer"},
                   {"legacy", false},
                   {"add_bos_token", specials_.bos >= 0},
                   {"add_eos_token", false},
                   {"clean_up_tokenization_spaces", false}};
    const std::pair<const char*, int32_t> tokens[] = {{"bos_token", specials_.bos},
                                                      {"eos_token", specials_.eos},
                                                      {"pad_token", specials_.pad},
                                                      {"unk_token", specials_.unk}};
    for (const auto& [key, id] : tokens) config[key] = id < 0 ? Json() : Json(Piece(id));
    return config;
  }

  std::string model_;  // bytes of the file, for Save
  Json config_;        // tokenizer_config.json
  std::string sha256_;
  sentencepiece::SentencePieceProcessor processor_;
  SpecialIds specials_;
};

}  // namespace

std::unique_ptr<Tokenizer> MakeSentencePieceTokenizer(std::string model, Json tokenizer_config,
                                                      const std::string& where) {
  CheckSentencePieceModel(model, where);
  return std::make_unique<SentencePieceTokenizer>(std::move(model), std::move(tokenizer_config),
                                                  where);
}

}  // namespace retort
