#include "core/lm/checkpoint/gguf_model.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/base/json.h"
#include "core/base/log.h"
#include "core/base/strings.h"
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
    {"attn_q_norm", "self_attn.q_norm"}, {"attn_k_norm", "self_attn.k_norm"},
    {"attn_output", "self_attn.o_proj"}, {"ffn_norm", "post_attention_layernorm"},
    {"ffn_gate", "mlp.gate_proj"},       {"ffn_up", "mlp.up_proj"},
    {"ffn_down", "mlp.down_proj"}};

// Keys that change what the model computes, and the one value under which they do not.
constexpr std::pair<const char*, double> kNeutralValues[] = {{"expert_count", 0},
                                                             {"rope.scale_linear", 1},
                                                             {"attention.sliding_window", 0},
                                                             {"attention.clamp_kqv", 0}};

/// An architecture of llama.cpp that is a model type of ours, by the same name.
struct Architecture {
  const char* name;
  bool permuted;  // its rows of queries and keys: llama.cpp turns neighbouring rows there
};
constexpr Architecture kArchitectures[] = {{"llama", true}, {"qwen2", false}, {"qwen3", false}};

constexpr char kRopeTable[] = "rope_freqs.weight";

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

const Architecture& ArchitectureOf(const GgufFile& file) {
  const std::string_view name = file.Text("general.architecture");
  std::vector<std::string> names;
  for (const Architecture& known : kArchitectures) {
    if (known.name == name) return known;
    names.emplace_back(known.name);
  }
  Fail(file,
       StrCat("architecture ", Quoted(name), " is not supported; supported: ", Join(names, ", ")));
}

/// The keys under the architecture's name: "block_count" is llama.block_count.
class Keys {
 public:
  explicit Keys(const GgufFile& file) : file_(file), architecture_(ArchitectureOf(file).name) {}

  std::string Name(std::string_view key) const { return StrCat(architecture_, ".", key); }
  bool Has(std::string_view key) const { return file_.Has(Name(key)); }
  int64_t Int(std::string_view key) const { return file_.Int(Name(key)); }
  int64_t IntOr(std::string_view key, int64_t fallback) const {
    return Has(key) ? Int(key) : fallback;
  }
  double Number(std::string_view key) const { return file_.Number(Name(key)); }
  std::string_view Text(std::string_view key) const { return file_.Text(Name(key)); }

  /// The only value that `key` may have, if it is there; `what` says which that is.
  void RefuseUnless(std::string_view key, int64_t supported, const std::string& what) const {
    if (IntOr(key, supported) == supported) return;
    Fail(file_, StrCat("key ", Name(key), " is ", Int(key), "; supported: ", what, supported));
  }

  const GgufFile& file() const { return file_; }
  const char* architecture() const { return architecture_; }

 private:
  const GgufFile& file_;
  const char* architecture_;
};

void CheckSupported(const Keys& keys) {
  for (const auto& [key, neutral] : kNeutralValues) {
    if (keys.Has(key) && keys.Number(key) != neutral) {
      Fail(keys.file(), StrCat("key ", keys.Name(key), " is ", DoubleText(keys.Number(key)),
                               "; supported: ", DoubleText(neutral)));
    }
  }
  constexpr char kParts[] = "split.count";
  if (keys.file().Has(kParts) && keys.file().Int(kParts) != 1) {
    Fail(keys.file(), StrCat("key ", kParts, " is ", keys.file().Int(kParts), "; supported: 1"));
  }
}

int64_t VocabularySize(const Keys& keys) {
  const GgufTensor* embedding = FindTensor(keys.file(), "token_embd.weight");
  if (embedding == nullptr) Fail(keys.file(), "tensor token_embd.weight is missing");
  const int64_t rows = embedding->shape.front();
  if (keys.IntOr("vocab_size", rows) != rows) {
    Fail(keys.file(), StrCat("key ", keys.Name("vocab_size"), " is ", keys.Int("vocab_size"),
                             ", tensor token_embd.weight has ", rows, " rows"));
  }
  return rows;
}

int64_t HeadDim(const Keys& keys, int64_t hidden_size, int64_t heads) {
  constexpr char kKey[] = "attention.key_length";
  if (!keys.Has(kKey) && (heads < 1 || hidden_size % heads != 0)) {
    Fail(keys.file(),
         StrCat("key ", keys.Name("embedding_length"), " ", hidden_size, " is not a multiple of ",
                heads, " heads and key ", keys.Name(kKey), " is missing"));
  }
  const int64_t head_dim = keys.Has(kKey) ? keys.Int(kKey) : hidden_size / heads;
  for (const char* key : {"attention.value_length", "rope.dimension_count"}) {
    keys.RefuseUnless(key, head_dim, "the head width ");
  }
  return head_dim;
}

double RopeTheta(const Keys& keys) {
  constexpr char kKey[] = "rope.freq_base";
  if (keys.Has(kKey)) return keys.Number(kKey);
  LogWarning(StrCat(keys.file().path(), " has no key ", keys.Name(kKey), " - taken to be ",
                    kDefaultRopeTheta,
                    ", as llama.cpp does - check that the model was trained with it"));
  return kDefaultRopeTheta;
}

at::Tensor ReadTensor(const GgufTensor& tensor) {
  at::Tensor values = at::empty(tensor.shape, at::kFloat);
  DequantizeRow(tensor.type, tensor.blocks(), tensor.ElementCount(),
                values.mutable_data_ptr<float>());
  return values;
}

/// The scaling behind the converter's table, which holds what each frequency is divided by: 1 for
/// fast turns, the factor for slow ones, and between them a mean from which the original context
/// follows. The limits of fast and slow are 4 and 1, as in every Llama 3.
std::optional<RopeScaling> Llama3Scaling(const std::vector<double>& frequencies,
                                         std::span<const float> divisors) {
  RopeScaling scaling{.type = RopeScaling::Type::kLlama3};
  scaling.factor = static_cast<double>(*std::max_element(divisors.begin(), divisors.end()));
  for (size_t i = 0; i < divisors.size(); ++i) {
    const auto divisor = static_cast<double>(divisors[i]);
    if (!(divisor > 1 && divisor < scaling.factor)) continue;
    const double kept = (1 / divisor - 1 / scaling.factor) / (1 - 1 / scaling.factor);
    const double turns =
        scaling.low_freq_factor + kept * (scaling.high_freq_factor - scaling.low_freq_factor);
    const double context = std::round(turns * 2 * std::numbers::pi / frequencies[i]);
    if (!(context >= 1 && context <= ConfigLimits::kPositions)) return std::nullopt;
    scaling.original_max_position_embeddings = static_cast<int>(context);
    break;
  }
  if (scaling.original_max_position_embeddings == 0) return std::nullopt;
  constexpr double kRounding = 1e-5;  // the table's, of float32
  for (size_t i = 0; i < divisors.size(); ++i) {
    const auto frequency = static_cast<float>(frequencies[i]);
    const double divisor = static_cast<double>(frequency / ScaleFrequency(frequency, scaling));
    if (!(std::abs(divisor / static_cast<double>(divisors[i]) - 1) < kRounding)) {
      return std::nullopt;
    }
  }
  return scaling;
}

Json Llama3ScalingJson(const GgufFile& file, const GgufTensor& table, double theta,
                       int64_t head_dim) {
  std::optional<RopeScaling> scaling;
  if (table.ElementCount() > 0 && 2 * table.ElementCount() == head_dim) {
    const at::Tensor divisors = ReadTensor(table);
    std::vector<double> frequencies;
    for (int64_t i = 0; i < head_dim; i += 2) {
      frequencies.push_back(
          std::pow(theta, -static_cast<double>(i) / static_cast<double>(head_dim)));
    }
    scaling = Llama3Scaling(frequencies, {divisors.const_data_ptr<float>(), frequencies.size()});
  }
  if (!scaling) {
    Fail(file, StrCat("tensor ", kRopeTable,
                      " is not supported; supported: Llama 3's scaling with limits 1 and 4"));
  }
  return {{"rope_type", "llama3"},
          {"factor", scaling->factor},
          {"low_freq_factor", scaling->low_freq_factor},
          {"high_freq_factor", scaling->high_freq_factor},
          {"original_max_position_embeddings", scaling->original_max_position_embeddings}};
}

/// As config.json has it under rope_scaling; null for none.
Json RopeScalingJson(const Keys& keys, double theta, int64_t head_dim) {
  constexpr char kType[] = "rope.scaling.type";
  const std::string_view type = keys.Has(kType) ? keys.Text(kType) : "none";
  const GgufTensor* table = FindTensor(keys.file(), kRopeTable);
  if (type == "none" && table == nullptr) return {};
  if (type == "none") return Llama3ScalingJson(keys.file(), *table, theta, head_dim);
  if (type == "linear" && table == nullptr) {
    return {{"rope_type", "linear"}, {"factor", keys.Number("rope.scaling.factor")}};
  }
  Fail(keys.file(), StrCat("rotary scaling ", Quoted(type),
                           table == nullptr ? "" : " beside a table of frequencies",
                           " is not supported; supported: none, linear, Llama 3's"));
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
int PermutedHeads(const Architecture& architecture, std::string_view name,
                  const ModelConfig& config) {
  if (!architecture.permuted) return 0;
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

}  // namespace

ModelConfig GgufModelConfig(const GgufFile& file) {
  const Keys keys(file);
  CheckSupported(keys);
  const int64_t heads = keys.Int("attention.head_count");
  const int64_t hidden_size = keys.Int("embedding_length");
  const int64_t head_dim = HeadDim(keys, hidden_size, heads);
  const double theta = RopeTheta(keys);
  const Json config = {{"model_type", keys.architecture()},
                       {"hidden_act", "silu"},
                       {"vocab_size", VocabularySize(keys)},
                       {"hidden_size", hidden_size},
                       {"intermediate_size", keys.Int("feed_forward_length")},
                       {"num_hidden_layers", keys.Int("block_count")},
                       {"num_attention_heads", heads},
                       {"num_key_value_heads", keys.IntOr("attention.head_count_kv", heads)},
                       {"head_dim", head_dim},
                       {"max_position_embeddings", keys.Int("context_length")},
                       {"rope_theta", theta},
                       {"rope_scaling", RopeScalingJson(keys, theta, head_dim)},
                       {"rms_norm_eps", keys.Number("attention.layer_norm_rms_epsilon")},
                       {"tie_word_embeddings", FindTensor(file, "output.weight") == nullptr},
                       {"attention_bias", FindTensor(file, "blk.0.attn_q.bias") != nullptr},
                       {"mlp_bias", FindTensor(file, "blk.0.ffn_gate.bias") != nullptr}};
  // One place decides what a sound shape is.
  return ModelConfig::FromHuggingFace(config, file.path());
}

DecoderWeights GgufWeights(const GgufFile& file) {
  const ModelConfig config = GgufModelConfig(file);
  const Architecture& architecture = ArchitectureOf(file);
  std::map<std::string, at::Tensor> tensors;
  for (const GgufTensor& tensor : file.tensors()) {
    if (tensor.name == kRopeTable) continue;  // part of the config
    const auto name = HuggingFaceName(tensor.name);
    if (!name) {
      Fail(file, StrCat("tensor ", tensor.name, " is none of a ", architecture.name, " decoder's"));
    }
    at::Tensor values = ReadTensor(tensor);
    const int heads = PermutedHeads(architecture, tensor.name, config);
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
