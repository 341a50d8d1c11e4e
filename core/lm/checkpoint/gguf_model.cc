#include "core/lm/checkpoint/gguf_model.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/base/json.h"
#include "core/base/log.h"
#include "core/lm/checkpoint/assemble.h"

namespace retort {
namespace {

// What llama.cpp takes for a file that does not say (llama 1 and 2).
constexpr double kDefaultRopeTheta = 10000;

constexpr std::pair<std::string_view, const char*> kModelNames[] = {
    {"token_embd", "model.embed_tokens"}, {"output_norm", "model.norm"}, {"output", "lm_head"}};

constexpr std::pair<std::string_view, const char*> kLayerNames[] = {
    {"attn_norm", "input_layernorm"},    {"attn_q", "self_attn.q_proj"},
    {"attn_k", "self_attn.k_proj"},      {"attn_v", "self_attn.v_proj"},
    {"attn_output", "self_attn.o_proj"}, {"ffn_norm", "post_attention_layernorm"},
    {"ffn_gate", "mlp.gate_proj"},       {"ffn_up", "mlp.up_proj"},
    {"ffn_down", "mlp.down_proj"}};

// Keys that change what the model computes, and the one value under which they do not.
constexpr std::pair<const char*, double> kNeutralValues[] = {{"llama.expert_count", 0},
                                                             {"llama.rope.scale_linear", 1},
                                                             {"llama.attention.sliding_window", 0},
                                                             {"llama.attention.clamp_kqv", 0},
                                                             {"split.count", 1}};

[[noreturn]] void Fail(const GgufFile& file, const std::string& why) {
  throw Error(ExitCode::kData, StrCat("cannot load the model - ", file.path(), " - ", why,
                                      " - convert a model of the supported kind into one file"));
}

/// A file's text, safe and short enough for a message.
std::string Quoted(std::string_view text) { return DumpJson(std::string(text.substr(0, 64))); }

const GgufTensor* FindTensor(const GgufFile& file, std::string_view name) {
  const auto& tensors = file.tensors();
  const auto it = std::find_if(tensors.begin(), tensors.end(),
                               [name](const GgufTensor& tensor) { return tensor.name == name; });
  return it == tensors.end() ? nullptr : &*it;
}

void CheckSupported(const GgufFile& file) {
  const std::string_view architecture = file.Text("general.architecture");
  if (architecture != "llama") {
    Fail(file,
         StrCat("architecture ", Quoted(architecture), " is not supported; supported: llama"));
  }
  for (const auto& [key, neutral] : kNeutralValues) {
    if (file.Has(key) && file.Number(key) != neutral) {
      Fail(file, StrCat("key ", key, " is ", DoubleText(file.Number(key)),
                        "; supported: ", DoubleText(neutral)));
    }
  }
  constexpr char kScaling[] = "llama.rope.scaling.type";
  if (file.Has(kScaling) && file.Text(kScaling) != "none") {
    Fail(file, StrCat("rotary scaling ", Quoted(file.Text(kScaling)),
                      " is not supported; supported: none"));
  }
  if (FindTensor(file, "rope_freqs.weight") != nullptr) {
    Fail(file, "rotary scaling by tensor rope_freqs.weight is not supported; supported: none");
  }
}

int64_t VocabularySize(const GgufFile& file) {
  const GgufTensor* embedding = FindTensor(file, "token_embd.weight");
  if (embedding == nullptr) Fail(file, "tensor token_embd.weight is missing");
  const int64_t rows = embedding->shape.front();
  constexpr char kKey[] = "llama.vocab_size";
  if (file.Has(kKey) && file.Int(kKey) != rows) {
    Fail(file, StrCat("key ", kKey, " is ", file.Int(kKey), ", tensor token_embd.weight has ", rows,
                      " rows"));
  }
  return rows;
}

int64_t IntOr(const GgufFile& file, const char* key, int64_t fallback) {
  return file.Has(key) ? file.Int(key) : fallback;
}

int64_t HeadDim(const GgufFile& file, int64_t hidden_size, int64_t heads) {
  constexpr char kKey[] = "llama.attention.key_length";
  if (!file.Has(kKey) && (heads < 1 || hidden_size % heads != 0)) {
    Fail(file, StrCat("key llama.embedding_length ", hidden_size, " is not a multiple of ", heads,
                      " heads and key ", kKey, " is missing"));
  }
  const int64_t head_dim = file.Has(kKey) ? file.Int(kKey) : hidden_size / heads;
  for (const char* key : {"llama.attention.value_length", "llama.rope.dimension_count"}) {
    if (IntOr(file, key, head_dim) != head_dim) {
      Fail(file,
           StrCat("key ", key, " is ", file.Int(key), "; supported: the head width ", head_dim));
    }
  }
  return head_dim;
}

double RopeTheta(const GgufFile& file) {
  constexpr char kKey[] = "llama.rope.freq_base";
  if (file.Has(kKey)) return file.Number(kKey);
  LogWarning(StrCat(file.path(), " has no key ", kKey, " - taken to be ", kDefaultRopeTheta,
                    ", as llama.cpp does - check that the model was trained with it"));
  return kDefaultRopeTheta;
}

/// "model.layers.0.self_attn.q_proj.weight" for "blk.0.attn_q.weight"; nullopt for tensors that no
/// decoder of ours has.
std::optional<std::string> HuggingFaceName(std::string_view name) {
  const size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const std::string_view suffix = name.substr(dot);
  std::string_view stem = name.substr(0, dot);
  if (!stem.starts_with("blk.")) {
    for (const auto& [theirs, ours] : kModelNames) {
      if (stem == theirs) return StrCat(ours, suffix);
    }
    return std::nullopt;
  }
  stem.remove_prefix(4);
  const size_t end = stem.find('.');
  if (end == std::string_view::npos) return std::nullopt;
  for (const auto& [theirs, ours] : kLayerNames) {
    if (stem.substr(end + 1) != theirs) continue;
    return StrCat("model.layers.", stem.substr(0, end), ".", ours, suffix);
  }
  return std::nullopt;
}

/// Heads whose rows the converter has permuted in this tensor, or 0.
int PermutedHeads(std::string_view name, const ModelConfig& config) {
  if (name.find(".attn_q.") != std::string_view::npos) return config.num_attention_heads;
  if (name.find(".attn_k.") != std::string_view::npos) return config.num_key_value_heads;
  return 0;
}

/// The converter (LlamaModel.permute) interleaves each head's two halves: row j of half p becomes
/// row 2 j + p, because llama.cpp turns neighbouring rows and Hugging Face turns halves.
at::Tensor UndoPermutation(const at::Tensor& permuted, int64_t heads) {
  const int64_t rows = permuted.size(0);
  if (rows % (2 * heads) != 0) return permuted;  // misshapen; found out when it is put to its place
  return permuted.view({heads, rows / heads / 2, 2, -1}).transpose(1, 2).reshape(permuted.sizes());
}

at::Tensor ReadTensor(const GgufTensor& tensor) {
  at::Tensor values = at::empty(tensor.shape, at::kFloat);
  DequantizeRow(tensor.type, tensor.blocks(), tensor.ElementCount(),
                values.mutable_data_ptr<float>());
  return values;
}

}  // namespace

ModelConfig GgufModelConfig(const GgufFile& file) {
  CheckSupported(file);
  const int64_t heads = file.Int("llama.attention.head_count");
  const int64_t hidden_size = file.Int("llama.embedding_length");
  const Json config = {{"model_type", "llama"},
                       {"hidden_act", "silu"},
                       {"vocab_size", VocabularySize(file)},
                       {"hidden_size", hidden_size},
                       {"intermediate_size", file.Int("llama.feed_forward_length")},
                       {"num_hidden_layers", file.Int("llama.block_count")},
                       {"num_attention_heads", heads},
                       {"num_key_value_heads", IntOr(file, "llama.attention.head_count_kv", heads)},
                       {"head_dim", HeadDim(file, hidden_size, heads)},
                       {"max_position_embeddings", file.Int("llama.context_length")},
                       {"rope_theta", RopeTheta(file)},
                       {"rms_norm_eps", file.Number("llama.attention.layer_norm_rms_epsilon")},
                       {"tie_word_embeddings", FindTensor(file, "output.weight") == nullptr},
                       {"attention_bias", FindTensor(file, "blk.0.attn_q.bias") != nullptr},
                       {"mlp_bias", FindTensor(file, "blk.0.ffn_gate.bias") != nullptr}};
  // One place decides what a sound shape is.
  return ModelConfig::FromHuggingFace(config, file.path());
}

DecoderWeights GgufWeights(const GgufFile& file) {
  const ModelConfig config = GgufModelConfig(file);
  std::map<std::string, at::Tensor> tensors;
  for (const GgufTensor& tensor : file.tensors()) {
    const auto name = HuggingFaceName(tensor.name);
    if (!name) Fail(file, StrCat("tensor ", tensor.name, " is none of a llama decoder's"));
    at::Tensor values = ReadTensor(tensor);
    const int heads = PermutedHeads(tensor.name, config);
    if (heads > 0) values = UndoPermutation(values, heads);
    tensors.emplace(*name, std::move(values));
  }
  return AssembleWeights(config, tensors,
                         {file.path(),
                          "download or convert the model again; its metadata and its "
                          "tensors must be of one model"});
}

DecoderWeights LoadGguf(const Env& env, const std::string& path) {
  return GgufWeights(ReadGguf(env, path));
}

}  // namespace retort
