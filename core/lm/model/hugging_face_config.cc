// ModelConfig from and to Hugging Face's config.json, in the keys of transformers 4 and 5.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/base/strings.h"
#include "core/lm/model/model_config.h"

namespace retort {
namespace {

constexpr char kSliding[] = "sliding_attention";
constexpr char kFull[] = "full_attention";
// transformers' default where a Gemma 3 file does not say: every sixth layer sees everything.
constexpr int kGemmaPattern = 6;

/// One JSON object of a config.json; every getter names the file and the key it complains about.
class Keys {
 public:
  Keys(const Json& object, const std::string& where, std::string prefix = "")
      : object_(object), where_(where), prefix_(std::move(prefix)) {
    if (!object.is_object()) {
      Fail(prefix_.empty() ? "the top level must be an object"
                           : StrCat(prefix_.substr(0, prefix_.size() - 1), " must be an object"));
    }
  }

  [[noreturn]] void Fail(const std::string& why) const {
    throw Error(ExitCode::kData, StrCat("cannot use this model - ", where_, " - ", why));
  }

  bool Has(const std::string& key) const {
    const auto it = object_.find(key);
    return it != object_.end() && !it->is_null();
  }
  Json Value(const std::string& key) const { return object_.value(key, Json()); }
  Keys Object(const std::string& key) const {
    return Keys(At(key), where_, StrCat(prefix_, key, "."));
  }

  int Int(const std::string& key, int max) const {
    const Json& value = At(key);
    if (!value.is_number_integer() || value.get<double>() < 1 || value.get<double>() > max) {
      Fail(StrCat("key ", prefix_, key, " must be an integer in 1..", max, ", got ",
                  DumpJson(value)));
    }
    return value.get<int>();
  }
  int IntOr(const std::string& key, int fallback, int max) const {
    return Has(key) ? Int(key, max) : fallback;
  }
  bool BoolOr(const std::string& key, bool fallback) const {
    if (!Has(key)) return fallback;
    if (!At(key).is_boolean()) Fail(StrCat("key ", prefix_, key, " must be true or false"));
    return At(key).get<bool>();
  }
  double PositiveNumber(const std::string& key) const {
    const Json& value = At(key);
    if (!value.is_number() || !(value.get<double>() > 0)) {
      Fail(StrCat("key ", prefix_, key, " must be a number above 0, got ", DumpJson(value)));
    }
    return value.get<double>();
  }

  void RefuseIfSet(const std::string& key) const {
    if (BoolOr(key, false)) Fail(StrCat(prefix_, key, " true is not supported by this version"));
  }
  /// For keys whose only supported value is "absent", or one number.
  void RefuseUnless(const std::string& key, double supported) const {
    if (Has(key) && Value(key) != Json(supported)) {
      Fail(StrCat(prefix_, key, " ", DumpJson(Value(key)), " is not supported; only ",
                  DoubleText(supported)));
    }
  }
  void RefuseIfGiven(const std::string& key) const {
    if (Has(key)) {
      Fail(StrCat(prefix_, key, " ", DumpJson(Value(key)), " is not supported; only null"));
    }
  }

  const std::string& prefix() const { return prefix_; }

 private:
  const Json& At(const std::string& key) const {
    if (!Has(key)) Fail(StrCat("key ", prefix_, key, " is missing"));
    return object_.at(key);
  }

  const Json& object_;
  const std::string& where_;
  std::string prefix_;
};

void ReadShape(const Keys& keys, ModelConfig* c) {
  c->vocab_size = keys.Int("vocab_size", ConfigLimits::kVocabulary);
  c->hidden_size = keys.Int("hidden_size", ConfigLimits::kWidth);
  c->intermediate_size = keys.Int("intermediate_size", ConfigLimits::kWidth);
  c->num_hidden_layers = keys.Int("num_hidden_layers", ConfigLimits::kLayers);
  c->max_position_embeddings = keys.Int("max_position_embeddings", ConfigLimits::kPositions);
  c->num_attention_heads = keys.Int("num_attention_heads", ConfigLimits::kHeads);
  c->num_key_value_heads =
      keys.IntOr("num_key_value_heads", c->num_attention_heads, ConfigLimits::kHeads);
  const bool divides = c->hidden_size % c->num_attention_heads == 0;
  if (!keys.Has("head_dim") && !divides) {
    keys.Fail(StrCat("hidden_size ", c->hidden_size, " is not a multiple of num_attention_heads ",
                     c->num_attention_heads, " and head_dim is not given"));
  }
  c->head_dim =
      keys.IntOr("head_dim", c->hidden_size / c->num_attention_heads, ConfigLimits::kWidth);
  c->rms_norm_eps = keys.PositiveNumber("rms_norm_eps");
}

void CheckActivation(const Keys& keys, const std::string& key, const std::string& supported) {
  const Json act = keys.Value(key);
  if (act != supported) {
    keys.Fail(StrCat(key, " ", DumpJson(act), " is not supported; only ", supported));
  }
}

RopeScaling ReadScaling(const Keys& rope, int max_position_embeddings) {
  rope.RefuseUnless("partial_rotary_factor", 1);
  const std::string key = rope.Has("rope_type") ? "rope_type" : "type";
  const Json type = rope.Has(key) ? rope.Value(key) : Json("default");
  RopeScaling scaling;
  if (type == "default") return scaling;
  if (type == "linear") {
    scaling.type = RopeScaling::Type::kLinear;
    scaling.factor = rope.PositiveNumber("factor");
    return scaling;
  }
  if (type != "llama3") {
    rope.Fail(StrCat("rotary scaling ", rope.prefix(), key, " ", DumpJson(type),
                     " is not supported; supported: default, linear, llama3"));
  }
  scaling.type = RopeScaling::Type::kLlama3;
  scaling.factor = rope.PositiveNumber("factor");
  scaling.low_freq_factor = rope.PositiveNumber("low_freq_factor");
  scaling.high_freq_factor = rope.PositiveNumber("high_freq_factor");
  if (scaling.high_freq_factor <= scaling.low_freq_factor) {
    rope.Fail(StrCat("key ", rope.prefix(), "high_freq_factor must be above low_freq_factor"));
  }
  scaling.original_max_position_embeddings = rope.IntOr(
      "original_max_position_embeddings", max_position_embeddings, ConfigLimits::kPositions);
  return scaling;
}

/// The base of one object of rope_parameters, which must be the one that the old key `old` gives.
double ReadTheta(const Keys& keys, const Keys& rope, const std::string& old) {
  const double theta = rope.PositiveNumber("rope_theta");
  if (keys.Has(old) && keys.PositiveNumber(old) != theta) {
    keys.Fail(StrCat(old, " ", keys.PositiveNumber(old), " contradicts ", rope.prefix(),
                     "rope_theta ", theta));
  }
  return theta;
}

/// rope_parameters (transformers 5), or rope_theta with rope_scaling (before); Gemma 3 has one of
/// each for either kind of layer. A missing base is an error: a silent 10000 gives fluent nonsense.
void ReadRope(const Keys& keys, ModelConfig* c) {
  keys.RefuseUnless("partial_rotary_factor", 1);
  const int positions = c->max_position_embeddings;
  if (keys.Has("rope_scaling")) {
    c->rope_scaling = ReadScaling(keys.Object("rope_scaling"), positions);
  }
  if (!keys.Has("rope_parameters")) {
    if (!keys.Has("rope_theta")) {
      keys.Fail(
          "neither rope_theta nor rope_parameters is given; add the base the model was "
          "trained with");
    }
    c->rope_theta = keys.PositiveNumber("rope_theta");
    if (c->gemma_block) c->rope_local_base_freq = keys.PositiveNumber("rope_local_base_freq");
    return;
  }
  const Keys all = keys.Object("rope_parameters");
  const bool by_layer_type = all.Has(kFull) || all.Has(kSliding);
  if (by_layer_type && !c->gemma_block) {
    keys.Fail(
        "rope_parameters by layer type (full_attention) are not supported for this model "
        "type; only one rotary base for all layers");
  }
  const Keys rope = c->gemma_block ? all.Object(kFull) : all;
  c->rope_theta = ReadTheta(keys, rope, "rope_theta");
  const RopeScaling scaling = ReadScaling(rope, positions);
  if (keys.Has("rope_scaling") && scaling != c->rope_scaling) {
    keys.Fail("rope_scaling contradicts rope_parameters");
  }
  c->rope_scaling = scaling;
  if (!c->gemma_block) return;
  const Keys local = all.Object(kSliding);
  c->rope_local_base_freq = ReadTheta(keys, local, "rope_local_base_freq");
  if (ReadScaling(local, positions).type != RopeScaling::Type::kNone) {
    keys.Fail("rotary scaling of rope_parameters.sliding_attention is not supported; only default");
  }
}

/// layer_types where the file has them, or what `slides(layer)` says of the older keys.
template <typename Slides>
void ReadSlidingLayers(const Keys& keys, const Slides& slides, ModelConfig* c) {
  std::vector<bool> layers;
  if (keys.Has("layer_types")) {
    const Json types = keys.Value("layer_types");
    const auto length = static_cast<size_t>(c->num_hidden_layers);
    if (!types.is_array() || types.size() != length) {
      keys.Fail(StrCat("layer_types must list ", length, " layers"));
    }
    for (const Json& type : types) {
      if (type != kSliding && type != kFull) {
        keys.Fail(StrCat("layer_types ", DumpJson(type), " is not supported; supported: ", kFull,
                         ", ", kSliding));
      }
      layers.push_back(type == kSliding);
    }
  } else {
    for (int i = 0; i < c->num_hidden_layers; ++i) layers.push_back(slides(i));
  }
  if (std::find(layers.begin(), layers.end(), true) == layers.end()) return;
  c->sliding_layers = layers;
  c->sliding_window = keys.Int("sliding_window", ConfigLimits::kPositions);
}

void ReadQwen(const Keys& keys, ModelConfig* c) {
  const bool slides = keys.BoolOr("use_sliding_window", false);
  const int first = slides && !keys.Has("layer_types")
                        ? keys.IntOr("max_window_layers", 0, ConfigLimits::kLayers)
                        : 0;
  ReadSlidingLayers(
      keys, [&](int layer) { return slides && layer >= first; }, c);
  if (!slides && c->sliding_window > 0) {
    keys.Fail("layer_types names sliding_attention, but use_sliding_window is not true");
  }
}

void ReadGemma(const Keys& keys, ModelConfig* c) {
  for (const char* key : {"final_logit_softcapping", "attn_logit_softcapping"}) {
    keys.RefuseIfGiven(key);
  }
  keys.RefuseIfSet("use_bidirectional_attention");
  c->query_pre_attn_scalar = keys.Int("query_pre_attn_scalar", ConfigLimits::kWidth);
  const int pattern = keys.IntOr("sliding_window_pattern", kGemmaPattern, ConfigLimits::kLayers);
  ReadSlidingLayers(
      keys, [&](int layer) { return (layer + 1) % pattern != 0; }, c);
}

/// What the model type alone decides.
void ReadModelType(const Keys& keys, ModelConfig* c) {
  const Json type = keys.Value("model_type");
  if (type == "qwen2") {
    c->qkv_bias = true;
  } else if (type == "qwen3") {
    c->qk_norm = true;
  } else if (type == "gemma3_text") {
    c->gemma_block = c->qk_norm = true;
  } else if (type != "llama") {
    keys.Fail(StrCat("model_type ", DumpJson(type),
                     " is not supported; supported: llama, qwen2, qwen3, gemma3_text"));
  }
  if (!c->qkv_bias) c->attention_bias = keys.BoolOr("attention_bias", false);
  if (type == "llama") c->mlp_bias = keys.BoolOr("mlp_bias", false);
  // Gemma ties unless told otherwise, the others do not.
  c->tie_word_embeddings = keys.BoolOr("tie_word_embeddings", c->gemma_block);
}

const char* ModelType(const ModelConfig& c) {
  if (c.gemma_block) return "gemma3_text";
  if (c.qk_norm) return "qwen3";
  return c.qkv_bias ? "qwen2" : "llama";
}

const char* Architecture(const ModelConfig& c) {
  if (c.gemma_block) return "Gemma3ForCausalLM";
  if (c.qk_norm) return "Qwen3ForCausalLM";
  return c.qkv_bias ? "Qwen2ForCausalLM" : "LlamaForCausalLM";
}

/// Without the base, as rope_scaling holds it.
Json ScalingJson(const RopeScaling& scaling) {
  if (scaling.type == RopeScaling::Type::kNone) return {{"rope_type", "default"}};
  Json out = {{"rope_type", "linear"}, {"factor", scaling.factor}};
  if (scaling.type == RopeScaling::Type::kLlama3) {
    out["rope_type"] = "llama3";
    out["low_freq_factor"] = scaling.low_freq_factor;
    out["high_freq_factor"] = scaling.high_freq_factor;
    out["original_max_position_embeddings"] = scaling.original_max_position_embeddings;
  }
  return out;
}

/// The keys of transformers 5 beside those of transformers 4.
void WriteRope(const ModelConfig& c, Json* out) {
  Json rope = ScalingJson(c.rope_scaling);
  if (c.rope_scaling.type != RopeScaling::Type::kNone) (*out)["rope_scaling"] = rope;
  rope["rope_theta"] = (*out)["rope_theta"] = c.rope_theta;
  (*out)["rope_parameters"] = rope;
  if (!c.gemma_block) return;
  (*out)["rope_local_base_freq"] = c.rope_local_base_freq;
  const Json local = {{"rope_type", "default"}, {"rope_theta", c.rope_local_base_freq}};
  (*out)["rope_parameters"] = {{kFull, rope}, {kSliding, local}};
}

void WriteLayerTypes(const ModelConfig& c, Json* out) {
  Json types = Json::array();
  for (int i = 0; i < c.num_hidden_layers; ++i) types.push_back(c.Slides(i) ? kSliding : kFull);
  (*out)["layer_types"] = types;
  const bool slides = c.sliding_window > 0;
  (*out)["sliding_window"] = slides ? Json(c.sliding_window) : Json();
  if (c.gemma_block) return;
  const auto first = std::find(c.sliding_layers.begin(), c.sliding_layers.end(), true);
  (*out)["use_sliding_window"] = slides;
  (*out)["max_window_layers"] = slides ? first - c.sliding_layers.begin() : c.num_hidden_layers;
}

/// Keys that not every model type has.
void WriteModelType(const ModelConfig& c, Json* out) {
  (*out)["model_type"] = ModelType(c);
  (*out)["architectures"] = {Architecture(c)};
  (*out)[c.gemma_block ? "hidden_activation" : "hidden_act"] =
      c.gemma_block ? "gelu_pytorch_tanh" : "silu";
  if (!c.qkv_bias) (*out)["attention_bias"] = c.attention_bias;
  if (!c.qk_norm && !c.qkv_bias) (*out)["mlp_bias"] = c.mlp_bias;
  if (c.qk_norm || c.qkv_bias) WriteLayerTypes(c, out);
  if (c.gemma_block) (*out)["query_pre_attn_scalar"] = c.query_pre_attn_scalar;
}

}  // namespace

Json ModelConfig::ToHuggingFace(int bos_id, int eos_id, int pad_id) const {
  const auto id_or_null = [](int id) { return id < 0 ? Json() : Json(id); };
  Json out = {{"vocab_size", vocab_size},
              {"hidden_size", hidden_size},
              {"intermediate_size", intermediate_size},
              {"num_hidden_layers", num_hidden_layers},
              {"num_attention_heads", num_attention_heads},
              {"num_key_value_heads", num_key_value_heads},
              {"head_dim", head_dim},
              {"max_position_embeddings", max_position_embeddings},
              {"initializer_range", 0.02},
              {"rms_norm_eps", rms_norm_eps},
              {"tie_word_embeddings", tie_word_embeddings},
              {"attention_dropout", 0.0},
              {"use_cache", true},
              {"dtype", "float32"},
              {"torch_dtype", "float32"},
              {"bos_token_id", id_or_null(bos_id)},
              {"eos_token_id", id_or_null(eos_id)},
              {"pad_token_id", id_or_null(pad_id)}};
  WriteRope(*this, &out);
  WriteModelType(*this, &out);
  return out;
}

ModelConfig ModelConfig::FromHuggingFace(const Json& config, const std::string& where) {
  const Keys keys(config, where);
  ModelConfig c;
  ReadModelType(keys, &c);
  CheckActivation(keys, c.gemma_block ? "hidden_activation" : "hidden_act",
                  c.gemma_block ? "gelu_pytorch_tanh" : "silu");
  keys.RefuseIfSet("rope_interleaved");
  ReadShape(keys, &c);
  ReadRope(keys, &c);
  if (c.gemma_block) {
    ReadGemma(keys, &c);
  } else if (c.qk_norm || c.qkv_bias) {
    ReadQwen(keys, &c);
  } else {
    keys.RefuseIfSet("use_sliding_window");
  }
  if (const auto found = FindContradiction(c)) keys.Fail(found->why);
  return c;
}

}  // namespace retort
