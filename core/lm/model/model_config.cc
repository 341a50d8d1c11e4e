#include "core/lm/model/model_config.h"

#include <optional>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/strings.h"

namespace retort {
namespace {

constexpr int kMaxWidth = 1 << 20;
constexpr int kMaxLayers = 1 << 12;
constexpr int kMaxHeads = 1 << 12;

/// What makes the values of a config contradict each other, and the key to name for it.
struct Contradiction {
  std::string key;
  std::string why;
};

std::optional<Contradiction> FindContradiction(const ModelConfig& c) {
  if (c.num_attention_heads % c.num_key_value_heads != 0) {
    return Contradiction{
        "num_key_value_heads",
        StrCat("num_attention_heads ", c.num_attention_heads,
               " is not a multiple of num_key_value_heads ", c.num_key_value_heads)};
  }
  if (c.head_dim % 2 != 0) {
    return Contradiction{"head_dim",
                         StrCat("head_dim ", c.head_dim, " is odd; rotary positions turn pairs")};
  }
  if (c.qk_norm && c.mlp_bias) {
    return Contradiction{"mlp_bias",
                         "qk_norm with mlp_bias has no Hugging Face model type to be saved as"};
  }
  return std::nullopt;
}

/// Reads one config.json; every getter names the file and the key it complains about.
class HuggingFaceReader {
 public:
  HuggingFaceReader(const Json& config, const std::string& where)
      : config_(config), where_(where) {}

  [[noreturn]] void Fail(const std::string& why) const {
    throw Error(ExitCode::kData, StrCat("cannot use this model - ", where_, " - ", why));
  }

  bool Has(const std::string& key) const {
    const auto it = config_.find(key);
    return it != config_.end() && !it->is_null();
  }

  int Int(const std::string& key, int max) const {
    if (!Has(key)) Fail(StrCat("key ", key, " is missing"));
    return ToInt(config_.at(key), key, max);
  }
  int IntOr(const std::string& key, int fallback, int max) const {
    return Has(key) ? Int(key, max) : fallback;
  }
  bool BoolOr(const std::string& key, bool fallback) const {
    if (!Has(key)) return fallback;
    if (!config_.at(key).is_boolean()) Fail(StrCat("key ", key, " must be true or false"));
    return config_.at(key).get<bool>();
  }
  double PositiveNumber(const Json& value, const std::string& key) const {
    if (!value.is_number() || !(value.get<double>() > 0)) {
      Fail(StrCat("key ", key, " must be a number above 0, got ", DumpJson(value)));
    }
    return value.get<double>();
  }
  double PositiveNumber(const std::string& key) const {
    if (!Has(key)) Fail(StrCat("key ", key, " is missing"));
    return PositiveNumber(config_.at(key), key);
  }

  /// The model type Retort can run: "llama", or "qwen3" for the same decoder with q/k norms.
  std::string ModelType() const {
    const Json type = config_.value("model_type", Json());
    if (type == "llama" || type == "qwen3") return type.get<std::string>();
    Fail(StrCat("model_type ", DumpJson(type), " is not supported; supported: llama, qwen3"));
  }

  /// rope_parameters (transformers 5), or rope_theta with rope_scaling (before). A missing base is
  /// an error: a silent 10000 gives fluent nonsense.
  double RopeTheta() const {
    if (Has("rope_parameters")) return ThetaOfRopeParameters();
    CheckRopeScaling();
    if (Has("rope_theta")) return PositiveNumber("rope_theta");
    Fail(
        "neither rope_theta nor rope_parameters is given; add the base the model was trained with");
  }

  void CheckActivation() const {
    const Json act = config_.value("hidden_act", Json());
    if (act != "silu") Fail(StrCat("hidden_act ", DumpJson(act), " is not supported; only silu"));
  }

  void RefuseIfSet(const std::string& key) const {
    if (BoolOr(key, false)) Fail(StrCat(key, " true is not supported by this version"));
  }

 private:
  int ToInt(const Json& value, const std::string& key, int max) const {
    if (!value.is_number_integer() || value.get<double>() < 1 || value.get<double>() > max) {
      Fail(StrCat("key ", key, " must be an integer in 1..", max, ", got ", DumpJson(value)));
    }
    return value.get<int>();
  }

  void CheckRopeType(const Json& rope, const std::string& key) const {
    for (const char* name : {"rope_type", "type"}) {
      if (rope.contains(name) && !rope.at(name).is_null() && rope.at(name) != "default") {
        Fail(StrCat("rotary scaling ", key, ".", name, " ", DumpJson(rope.at(name)),
                    " is not supported; only default"));
      }
    }
  }

  double ThetaOfRopeParameters() const {
    const Json& rope = config_.at("rope_parameters");
    if (!rope.is_object()) Fail("rope_parameters must be an object");
    if (!rope.contains("rope_theta") && !rope.empty() && rope.begin()->is_object()) {
      Fail(StrCat("rope_parameters by layer type (", rope.begin().key(),
                  ") are not supported; only one rotary base for all layers"));
    }
    CheckRopeType(rope, "rope_parameters");
    if (!rope.contains("rope_theta")) Fail("key rope_parameters.rope_theta is missing");
    const double theta = PositiveNumber(rope.at("rope_theta"), "rope_parameters.rope_theta");
    if (Has("rope_theta") && PositiveNumber("rope_theta") != theta) {
      Fail(StrCat("rope_theta ", PositiveNumber("rope_theta"),
                  " contradicts rope_parameters.rope_theta ", theta));
    }
    CheckRopeScaling();
    return theta;
  }

  void CheckRopeScaling() const {
    if (!Has("rope_scaling")) return;
    const Json& scaling = config_.at("rope_scaling");
    if (!scaling.is_object()) Fail("rope_scaling must be null or an object");
    CheckRopeType(scaling, "rope_scaling");
  }

  const Json& config_;
  const std::string& where_;
};

void ReadAttentionShape(const HuggingFaceReader& reader, ModelConfig* c) {
  c->num_attention_heads = reader.Int("num_attention_heads", kMaxHeads);
  c->num_key_value_heads = reader.IntOr("num_key_value_heads", c->num_attention_heads, kMaxHeads);
  const bool divides = c->hidden_size % c->num_attention_heads == 0;
  if (!reader.Has("head_dim") && !divides) {
    reader.Fail(StrCat("hidden_size ", c->hidden_size, " is not a multiple of num_attention_heads ",
                       c->num_attention_heads, " and head_dim is not given"));
  }
  c->head_dim = reader.IntOr("head_dim", c->hidden_size / c->num_attention_heads, kMaxWidth);
}

}  // namespace

ModelConfig ModelConfig::FromConfig(ConfigSection& section) {
  ModelConfig c;
  section.Int("hidden_size", &c.hidden_size, {1, kMaxWidth});
  section.Int("intermediate_size", &c.intermediate_size, {1, kMaxWidth});
  section.Int("num_hidden_layers", &c.num_hidden_layers, {1, kMaxLayers});
  section.Int("num_attention_heads", &c.num_attention_heads, {1, kMaxHeads});
  c.num_key_value_heads = c.num_attention_heads;
  section.Int("num_key_value_heads", &c.num_key_value_heads, {1, kMaxHeads});
  if (c.num_attention_heads > 0 && c.hidden_size % c.num_attention_heads == 0) {
    c.head_dim = c.hidden_size / c.num_attention_heads;
  }
  section.Int("head_dim", &c.head_dim, {2, kMaxWidth});
  section.Int("max_position_embeddings", &c.max_position_embeddings, {1, 1 << 24});
  section.Float("rope_theta", &c.rope_theta, {.min = 0, .exclusive_min = true});
  section.Float("rms_norm_eps", &c.rms_norm_eps, {.min = 0, .exclusive_min = true});
  section.Bool("tie_word_embeddings", &c.tie_word_embeddings);
  section.Bool("attention_bias", &c.attention_bias);
  section.Bool("mlp_bias", &c.mlp_bias);
  section.Bool("qk_norm", &c.qk_norm);
  if (c.num_key_value_heads > 0) {
    if (const auto found = FindContradiction(c)) section.Fail(found->key, found->why);
  }
  return c;
}

Json ModelConfig::ToHuggingFace(int bos_id, int eos_id, int pad_id) const {
  const auto id_or_null = [](int id) { return id < 0 ? Json() : Json(id); };
  Json out = {{"architectures", {qk_norm ? "Qwen3ForCausalLM" : "LlamaForCausalLM"}},
              {"model_type", qk_norm ? "qwen3" : "llama"},
              {"vocab_size", vocab_size},
              {"hidden_size", hidden_size},
              {"intermediate_size", intermediate_size},
              {"num_hidden_layers", num_hidden_layers},
              {"num_attention_heads", num_attention_heads},
              {"num_key_value_heads", num_key_value_heads},
              {"head_dim", head_dim},
              {"hidden_act", "silu"},
              {"max_position_embeddings", max_position_embeddings},
              {"initializer_range", 0.02},
              {"rms_norm_eps", rms_norm_eps},
              {"rope_theta", rope_theta},
              {"rope_parameters", {{"rope_type", "default"}, {"rope_theta", rope_theta}}},
              {"tie_word_embeddings", tie_word_embeddings},
              {"attention_bias", attention_bias},
              {"attention_dropout", 0.0},
              {"use_cache", true},
              {"dtype", "float32"},
              {"torch_dtype", "float32"},
              {"bos_token_id", id_or_null(bos_id)},
              {"eos_token_id", id_or_null(eos_id)},
              {"pad_token_id", id_or_null(pad_id)}};
  if (!qk_norm) out["mlp_bias"] = mlp_bias;
  return out;
}

ModelConfig ModelConfig::FromHuggingFace(const Json& config, const std::string& where) {
  const HuggingFaceReader reader(config, where);
  if (!config.is_object()) reader.Fail("the top level must be an object");
  ModelConfig c;
  c.qk_norm = reader.ModelType() == "qwen3";
  reader.CheckActivation();
  reader.RefuseIfSet("rope_interleaved");
  reader.RefuseIfSet("use_sliding_window");
  c.vocab_size = reader.Int("vocab_size", 1 << 24);
  c.hidden_size = reader.Int("hidden_size", kMaxWidth);
  c.intermediate_size = reader.Int("intermediate_size", kMaxWidth);
  c.num_hidden_layers = reader.Int("num_hidden_layers", kMaxLayers);
  ReadAttentionShape(reader, &c);
  c.max_position_embeddings = reader.Int("max_position_embeddings", 1 << 24);
  c.rope_theta = reader.RopeTheta();
  c.rms_norm_eps = reader.PositiveNumber("rms_norm_eps");
  c.tie_word_embeddings = reader.BoolOr("tie_word_embeddings", false);
  c.attention_bias = reader.BoolOr("attention_bias", false);
  c.mlp_bias = reader.BoolOr("mlp_bias", false);
  if (const auto found = FindContradiction(c)) reader.Fail(found->why);
  return c;
}

int64_t ModelConfig::ParameterCount() const {
  const int64_t d = hidden_size, f = intermediate_size, k = head_dim;
  const int64_t q = num_attention_heads * k, kv = num_key_value_heads * k;
  int64_t layer = d * (q + 2 * kv) + q * d + 3 * d * f + 2 * d;
  if (attention_bias) layer += q + 2 * kv + d;
  if (mlp_bias) layer += 2 * f + d;
  if (qk_norm) layer += 2 * k;
  const int64_t tables = (tie_word_embeddings ? 1 : 2) * static_cast<int64_t>(vocab_size) * d;
  return tables + num_hidden_layers * layer + d;
}

double ModelConfig::FlopsPerToken(int64_t context) const {
  const double d = hidden_size, f = intermediate_size, k = head_dim, layers = num_hidden_layers;
  const double q = num_attention_heads * k, kv = num_key_value_heads * k;
  const double products = layers * (2 * d * q + 2 * d * kv + 3 * d * f) + d * vocab_size;
  return 2 * products + 4 * layers * q * static_cast<double>(context);
}

}  // namespace retort
