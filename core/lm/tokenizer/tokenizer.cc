#include "core/lm/tokenizer/tokenizer.h"

#include <utility>

#include "core/base/bounded_file.h"
#include "core/base/error.h"
#include "core/base/strings.h"
#include "core/lm/tokenizer/formats.h"
#include "core/lm/tokenizer/tokenizer_json.h"

namespace retort {
namespace {

std::string ReadBounded(const Env& env, const std::string& path) {
  const uint64_t size = env.FileSize(path);
  if (size > kMaxTokenizerBytes) {
    FailTokenizer(path, StrCat("it has ", size, " bytes; the limit is ", kMaxTokenizerBytes));
  }
  return ReadFileUpTo(env, path, kMaxTokenizerBytes);
}

Json ParseJsonObject(std::string_view bytes, const std::string& path) {
  Json json = ParseJson(bytes, path);
  if (!json.is_object()) FailTokenizer(path, "the top level is not an object");
  return json;
}

/// The type of the model in a tokenizer.json.
std::string ModelType(const Json& tokenizer, const std::string& path) {
  const auto model = tokenizer.find("model");
  if (model == tokenizer.end() || !model->is_object()) FailTokenizer(path, "it has no model");
  const auto type = model->find("type");
  if (type == model->end() || !type->is_string()) {
    FailTokenizer(path, "its model does not say its type");
  }
  return type->get<std::string>();
}

}  // namespace

void FailTokenizer(const std::string& where, const std::string& why) {
  throw Error(ExitCode::kData, StrCat("cannot use the tokenizer - ", where, " - ", why));
}

std::string SpecialToken(const Json& tokenizer_config, const std::string& key,
                         const std::string& where) {
  const auto it = tokenizer_config.find(key);
  if (it == tokenizer_config.end() || it->is_null()) return "";
  if (it->is_string()) return it->get<std::string>();
  if (it->is_object() && it->contains("content") && it->at("content").is_string()) {
    return it->at("content").get<std::string>();
  }
  FailTokenizer(where, StrCat(kTokenizerConfigName, " key ", key, " is not a token"));
}

std::string ChatTemplateOf(const Json& tokenizer_config) {
  const Json& given = MemberOf(tokenizer_config, "chat_template");
  if (given.is_string()) return given.get<std::string>();
  if (!given.is_array()) return "";
  for (const Json& named : given) {
    const bool is_default = named.is_object() && MemberOf(named, "name") == "default";
    if (is_default && MemberOf(named, "template").is_string()) {
      return MemberOf(named, "template").get<std::string>();
    }
  }
  return "";
}

SpecialIds ReadSpecialIds(const Json& tokenizer_config,
                          const std::function<int32_t(const std::string&)>& id_of,
                          const std::string& where) {
  SpecialIds ids;
  const std::pair<const char*, int32_t*> wanted[] = {{"bos_token", &ids.bos},
                                                     {"eos_token", &ids.eos},
                                                     {"pad_token", &ids.pad},
                                                     {"unk_token", &ids.unk}};
  for (const auto& [key, id] : wanted) {
    const std::string piece = SpecialToken(tokenizer_config, key, where);
    if (piece.empty()) continue;
    *id = id_of(piece);
    if (*id < 0) FailTokenizer(where, StrCat(key, " ", Quoted(piece), " is not in the vocabulary"));
  }
  return ids;
}

std::string SpecialIdsText(const SpecialIds& ids) {
  const bool unused_bos = ids.bos >= 0 && !ids.adds_bos;
  return StrCat(ids.bos, " ", ids.eos, " ", ids.pad, " ", ids.unk, unused_bos ? " no bos" : "");
}

std::unique_ptr<Tokenizer> LoadTokenizer(const Env& env, const std::string& dir) {
  const std::string json_path = JoinPath(dir, kTokenizerJsonName);
  const std::string model_path = JoinPath(dir, kTokenizerModelName);
  const std::string config_path = JoinPath(dir, kTokenizerConfigName);
  const bool has_json = env.Exists(json_path), has_model = env.Exists(model_path);
  if (!has_json && !has_model) {
    FailTokenizer(dir, StrCat("it has neither ", kTokenizerJsonName, " nor ", kTokenizerModelName));
  }
  Json config = env.Exists(config_path)
                    ? ParseJsonObject(ReadBounded(env, config_path), config_path)
                    : Json::object();
  const std::string template_path = JoinPath(dir, kChatTemplateName);
  if (env.Exists(template_path)) config["chat_template"] = ReadBounded(env, template_path);
  if (has_json) {
    std::string bytes = ReadBounded(env, json_path);
    const Json tokenizer = ParseJsonObject(bytes, json_path);
    const std::string type = ModelType(tokenizer, json_path);
    if (type == "WordLevel") return MakeWordLevelFromJson(tokenizer, config, json_path);
    if (type == "BPE") {
      return MakeBpeFromJson(std::move(bytes), tokenizer, std::move(config), json_path);
    }
    if (!has_model) {
      FailTokenizer(json_path, StrCat("not supported by this version: model type ", Quoted(type),
                                      "; supported: BPE, WordLevel, SentencePiece"));
    }
  }
  return MakeSentencePieceTokenizer(ReadBounded(env, model_path), std::move(config), model_path);
}

std::vector<int32_t> EncodePrompt(const Tokenizer& tokenizer, std::string_view prompt) {
  std::vector<int32_t> ids = tokenizer.Encode(tokenizer.RenderPrompt(prompt));
  if (tokenizer.Specials().adds_bos) ids.insert(ids.begin(), tokenizer.Specials().bos);
  return ids;
}

}  // namespace retort
