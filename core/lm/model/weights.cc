#include "core/lm/model/weights.h"

#include <ATen/ATen.h>

#include <cmath>
#include <numbers>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/base/strings.h"

namespace retort {
namespace {

/// Calls visit(name, tensor) for every distinct parameter in the fixed order; undefined tensors
/// (absent biases and norms) are left out. `Weights` is const or not.
template <typename Weights, typename Visitor>
void VisitParameters(Weights& weights, const Visitor& visit) {
  const auto defined = [&visit](const std::string& name, auto& tensor) {
    if (tensor.defined()) visit(name, tensor);
  };
  const auto linear = [&defined](const std::string& name, auto& matrix) {
    defined(name + ".weight", matrix.weight);
    defined(name + ".bias", matrix.bias);
  };
  const bool gemma = weights.config.gemma_block;
  defined("model.embed_tokens.weight", weights.embedding.weight);
  for (size_t i = 0; i < weights.layers.size(); ++i) {
    auto& layer = weights.layers[i];
    const std::string prefix = StrCat("model.layers.", i, ".");
    defined(prefix + "input_layernorm.weight", layer.attention_norm);
    linear(prefix + "self_attn.q_proj", layer.q);
    linear(prefix + "self_attn.k_proj", layer.k);
    linear(prefix + "self_attn.v_proj", layer.v);
    linear(prefix + "self_attn.o_proj", layer.o);
    defined(prefix + "self_attn.q_norm.weight", layer.q_norm);
    defined(prefix + "self_attn.k_norm.weight", layer.k_norm);
    // Hugging Face gives the norm behind a block's attention the name that the norm before its MLP
    // has in a block without one.
    defined(prefix + "post_attention_layernorm.weight",
            gemma ? layer.attention_output_norm : layer.mlp_norm);
    if (gemma) defined(prefix + "pre_feedforward_layernorm.weight", layer.mlp_norm);
    linear(prefix + "mlp.gate_proj", layer.gate);
    linear(prefix + "mlp.up_proj", layer.up);
    linear(prefix + "mlp.down_proj", layer.down);
    defined(prefix + "post_feedforward_layernorm.weight", layer.mlp_output_norm);
  }
  defined("model.norm.weight", weights.final_norm);
  if (!weights.config.tie_word_embeddings) linear("lm_head", weights.head);
}

/// Fills `out` with normals times `std`, two from each block of the stream (Box-Muller).
void FillNormal(RngKey stream, double std, at::Tensor& out) {
  float* data = out.mutable_data_ptr<float>();
  const int64_t n = out.numel();
  constexpr double kUnit = 0x1p-53;
  for (int64_t i = 0; i < n; i += 2) {
    const auto block = Rng::Block(stream, static_cast<uint64_t>(i / 2));
    const uint64_t a = (uint64_t{block[0]} << 32 | block[1]) >> 11;
    const uint64_t b = (uint64_t{block[2]} << 32 | block[3]) >> 11;
    const double radius = std * std::sqrt(-2 * std::log(1 - static_cast<double>(a) * kUnit));
    const double angle = 2 * std::numbers::pi * static_cast<double>(b) * kUnit;
    data[i] = static_cast<float>(radius * std::cos(angle));
    if (i + 1 < n) data[i + 1] = static_cast<float>(radius * std::sin(angle));
  }
}

bool EndsWith(const std::string& text, std::string_view end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

LinearWeight EmptyLinear(int64_t out, int64_t in, bool bias, const at::TensorOptions& options) {
  LinearWeight result;
  result.weight = at::empty({out, in}, options);
  if (bias) result.bias = at::empty({out}, options);
  return result;
}

LayerWeights EmptyLayer(const ModelConfig& c, const at::TensorOptions& options) {
  const int64_t d = c.hidden_size, f = c.intermediate_size, k = c.head_dim;
  LayerWeights layer;
  const bool qkv_bias = c.attention_bias || c.qkv_bias;
  layer.attention_norm = at::empty({d}, options);
  layer.q = EmptyLinear(c.num_attention_heads * k, d, qkv_bias, options);
  layer.k = EmptyLinear(c.num_key_value_heads * k, d, qkv_bias, options);
  layer.v = EmptyLinear(c.num_key_value_heads * k, d, qkv_bias, options);
  layer.o = EmptyLinear(d, c.num_attention_heads * k, c.attention_bias, options);
  if (c.qk_norm) {
    layer.q_norm = at::empty({k}, options);
    layer.k_norm = at::empty({k}, options);
  }
  layer.mlp_norm = at::empty({d}, options);
  if (c.gemma_block) {
    layer.attention_output_norm = at::empty({d}, options);
    layer.mlp_output_norm = at::empty({d}, options);
  }
  layer.gate = EmptyLinear(f, d, c.mlp_bias, options);
  layer.up = EmptyLinear(f, d, c.mlp_bias, options);
  layer.down = EmptyLinear(d, f, c.mlp_bias, options);
  return layer;
}

void InitParameter(const std::string& name, const InitConfig& init, const ModelConfig& config,
                   RngKey key, at::Tensor& tensor) {
  if (EndsWith(name, "norm.weight")) {
    tensor.fill_(1 - config.Norm().offset);
  } else if (EndsWith(name, ".bias")) {
    tensor.zero_();
  } else {
    const bool residual = EndsWith(name, "o_proj.weight") || EndsWith(name, "down_proj.weight");
    const double scale =
        residual && init.scale_residual ? 1 / std::sqrt(2.0 * config.num_hidden_layers) : 1;
    FillNormal(Rng::DeriveKey({key.key, key.stream, std::string_view(name)}), init.std * scale,
               tensor);
  }
}

/// Length-prefixed, so that no two lists of parameters hash alike by concatenation.
void HashParameter(const std::string& name, const at::Tensor& tensor, Sha256Stream& hash) {
  const at::Tensor cpu = tensor.detach().to(at::kCPU).contiguous();
  std::string head = StrCat(name.size(), ":", name, " ", at::toString(cpu.scalar_type()));
  for (const int64_t size : cpu.sizes()) head += StrCat(" ", size);
  hash.Update(head + "\n");
  hash.Update({static_cast<const char*>(cpu.const_data_ptr()), cpu.nbytes()});
}

}  // namespace

std::vector<std::pair<std::string, at::Tensor*>> NamedParameters(DecoderWeights& weights) {
  std::vector<std::pair<std::string, at::Tensor*>> result;
  VisitParameters(weights, [&result](const std::string& name, at::Tensor& tensor) {
    result.emplace_back(name, &tensor);
  });
  return result;
}

std::vector<std::pair<std::string, at::Tensor>> NamedParameters(const DecoderWeights& weights) {
  std::vector<std::pair<std::string, at::Tensor>> result;
  VisitParameters(weights, [&result](const std::string& name, const at::Tensor& tensor) {
    result.emplace_back(name, tensor);
  });
  return result;
}

DecoderWeights EmptyWeights(const ModelConfig& config, at::Device device) {
  RETORT_CHECK(config.vocab_size > 0, "vocab_size is not set");
  const auto options = at::TensorOptions().dtype(at::kFloat).device(device);
  DecoderWeights weights;
  weights.config = config;
  weights.embedding = EmptyLinear(config.vocab_size, config.hidden_size, false, options);
  for (int i = 0; i < config.num_hidden_layers; ++i) {
    weights.layers.push_back(EmptyLayer(config, options));
  }
  weights.final_norm = at::empty({config.hidden_size}, options);
  weights.head = config.tie_word_embeddings
                     ? weights.embedding
                     : EmptyLinear(config.vocab_size, config.hidden_size, false, options);
  return weights;
}

DecoderWeights InitWeights(const ModelConfig& config, const InitConfig& init, RngKey key) {
  DecoderWeights weights = EmptyWeights(config, at::kCPU);
  for (auto& [name, tensor] : NamedParameters(weights)) {
    InitParameter(name, init, config, key, *tensor);
  }
  return weights;
}

DecoderWeights CloneWeights(const DecoderWeights& weights) {
  DecoderWeights copy = weights;
  for (auto& [name, tensor] : NamedParameters(copy)) *tensor = tensor->detach().clone();
  copy.embedding.packed = nullptr;
  copy.head.packed = nullptr;
  for (LayerWeights& layer : copy.layers) {
    for (LinearWeight* w :
         {&layer.q, &layer.k, &layer.v, &layer.o, &layer.gate, &layer.up, &layer.down}) {
      w->packed = nullptr;
    }
  }
  if (copy.config.tie_word_embeddings) copy.head = copy.embedding;
  return copy;
}

std::string WeightsSha256(const DecoderWeights& weights) {
  Sha256Stream hash;
  VisitParameters(weights, [&hash](const std::string& name, const at::Tensor& tensor) {
    HashParameter(name, tensor, hash);
  });
  return hash.Finish();
}

}  // namespace retort
