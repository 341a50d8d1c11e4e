#include "core/lm/checkpoint/checkpoint.h"

#include <set>
#include <vector>

#include "core/base/bounded_file.h"
#include "core/base/commit.h"
#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/lm/checkpoint/assemble.h"

namespace retort {
namespace {

using TensorMap = std::map<std::string, at::Tensor>;

constexpr char kWeightsName[] = "model.safetensors";
constexpr char kIndexName[] = "model.safetensors.index.json";
constexpr char kConfigName[] = "config.json";
constexpr uint64_t kMaxJsonBytes = uint64_t{64} << 20;  // an index names every tensor

[[noreturn]] void Fail(const std::string& where, const std::string& why,
                       const std::string& remedy) {
  throw Error(ExitCode::kData,
              StrCat("cannot load the model - ", where, " - ", why, " - ", remedy));
}

Json ReadJson(const Env& env, const std::string& path) {
  return ParseJson(ReadFileUpTo(env, path, kMaxJsonBytes), path);
}

/// File names of a sharded checkpoint, checked to be plain names in the same folder.
std::set<std::string> ShardNames(const Json& weight_map, const std::string& index_path) {
  std::set<std::string> names;
  for (const auto& [tensor, file] : weight_map.items()) {
    const std::string name = file.is_string() ? file.get<std::string>() : "";
    if (name.empty() || name != BaseName(name) || name == "." || name == "..") {
      Fail(index_path, StrCat("weight_map.", tensor, " is not a file name of the same folder"),
           "export the checkpoint again");
    }
    names.insert(name);
  }
  return names;
}

TensorMap ReadShards(const Env& env, const std::string& dir) {
  const std::string index_path = JoinPath(dir, kIndexName);
  const Json index = ReadJson(env, index_path);
  if (!index.is_object() || !index.contains("weight_map") || !index.at("weight_map").is_object()) {
    Fail(index_path, "it has no weight_map", "export the checkpoint again");
  }
  const Json& weight_map = index.at("weight_map");
  TensorMap all;
  for (const std::string& file : ShardNames(weight_map, index_path)) {
    for (auto& [name, tensor] : ReadSafetensors(env, JoinPath(dir, file))) {
      if (!weight_map.contains(name) || weight_map.at(name) != file) {
        Fail(JoinPath(dir, file), StrCat("tensor ", name, " is not in the index for this file"),
             "export the checkpoint again");
      }
      all.emplace(name, tensor);
    }
  }
  for (const auto& [name, file] : weight_map.items()) {
    if (!all.contains(name)) {
      Fail(JoinPath(dir, file.get<std::string>()), StrCat("tensor ", name, " is not in it"),
           "export the checkpoint again");
    }
  }
  return all;
}

TensorMap ReadWeights(const Env& env, const std::string& dir) {
  if (env.Exists(JoinPath(dir, kWeightsName))) {
    return ReadSafetensors(env, JoinPath(dir, kWeightsName));
  }
  if (env.Exists(JoinPath(dir, kIndexName))) return ReadShards(env, dir);
  for (const std::string& name : env.List(dir)) {
    if (name.ends_with(".bin") || name.ends_with(".pt") || name.ends_with(".pth")) {
      Fail(dir, StrCat(name, " is a pickle file, which can run code when it is read"),
           "convert it: in Python, AutoModelForCausalLM.from_pretrained(DIR).save_pretrained(OUT) "
           "writes model.safetensors");
    }
  }
  Fail(dir, StrCat("it has no ", kWeightsName), "point to a Hugging Face checkpoint folder");
}

Json GenerationConfig(int bos_id, int eos_id, int pad_id) {
  Json out = {{"do_sample", false}};
  if (bos_id >= 0) out["bos_token_id"] = bos_id;
  if (eos_id >= 0) out["eos_token_id"] = eos_id;
  if (pad_id >= 0) out["pad_token_id"] = pad_id;
  return out;
}

/// As config.json spells the type of the weights.
const char* DtypeName(at::ScalarType type) {
  if (type == at::kBFloat16) return "bfloat16";
  return type == at::kHalf ? "float16" : "float32";
}

}  // namespace

DecoderWeights LoadCheckpoint(const Env& env, const std::string& dir) {
  const std::string config_path = JoinPath(dir, kConfigName);
  if (!env.IsDirectory(dir)) Fail(dir, "there is no such folder", "check the path");
  if (!env.Exists(config_path)) {
    Fail(dir, StrCat("it has no ", kConfigName), "point to a Hugging Face checkpoint folder");
  }
  const ModelConfig config = ModelConfig::FromHuggingFace(ReadJson(env, config_path), config_path);
  return AssembleWeights(config, ReadWeights(env, dir),
                         {dir, "use weights that belong to the config.json beside them"});
}

void SaveCheckpoint(Env& env, const std::string& dir, const DecoderWeights& weights, int bos_id,
                    int eos_id, int pad_id) {
  TensorMap tensors;
  for (const auto& [name, tensor] : NamedParameters(weights)) tensors.emplace(name, tensor);
  env.CreateDirs(dir);
  WriteSafetensors(env, JoinPath(dir, kWeightsName), tensors, {{"format", "pt"}});
  WriteFileAtomically(env, JoinPath(dir, "generation_config.json"),
                      DumpJsonPretty(GenerationConfig(bos_id, eos_id, pad_id)));
  Json config = weights.config.ToHuggingFace(bos_id, eos_id, pad_id);
  config["dtype"] = config["torch_dtype"] = DtypeName(weights.embedding.weight.scalar_type());
  WriteFileAtomically(env, JoinPath(dir, kConfigName), DumpJsonPretty(config));
}

std::string CheckpointSha256(const Env& env, const std::string& dir) {
  Sha256Stream hash;
  for (const std::string& name : env.List(dir)) {
    const bool weights = name.ends_with(".safetensors") || name == kIndexName;
    const bool tokenizer = name.starts_with("tokenizer");
    if (!weights && !tokenizer && name != kConfigName) continue;
    hash.Update(StrCat(name, " ", Sha256OfFile(env, JoinPath(dir, name)), "\n"));
  }
  return hash.Finish();
}

void CheckVocabulary(const ModelConfig& config, const Tokenizer& tokenizer,
                     const std::string& where) {
  if (tokenizer.VocabSize() <= config.vocab_size) return;
  throw Error(ExitCode::kData,
              StrCat("model and tokenizer disagree - ", where, " - the model has rows for ",
                     config.vocab_size, " token ids, the tokenizer has ", tokenizer.VocabSize(),
                     " - use the tokenizer that was saved with the model"));
}

}  // namespace retort
