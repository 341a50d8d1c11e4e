// The decoder's parameters as tensors under their Hugging Face names. Training holds them as leaves
// that require grad; inference holds plain tensors, packed for the native kernels.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/rng.h"
#include "core/lm/model/model_config.h"
#include "core/lm/model/precision.h"

namespace retort {

class PackedMatrix;  // core/lm/model/kernels/packed_matrix.h

struct LinearWeight {
  at::Tensor weight;                           // [out, in], or undefined beside `packed`
  at::Tensor bias;                             // [out] or undefined
  std::shared_ptr<const PackedMatrix> packed;  // native inference only; shared by model snapshots
};

struct LayerWeights {
  at::Tensor attention_norm;         // [D]
  LinearWeight q, k, v, o;           // [H*K, D], [G*K, D], [G*K, D], [D, H*K]
  at::Tensor q_norm, k_norm;         // [K] or undefined
  at::Tensor attention_output_norm;  // [D] or undefined
  at::Tensor mlp_norm;               // [D]
  LinearWeight gate, up, down;       // [F, D], [F, D], [D, F]
  at::Tensor mlp_output_norm;        // [D] or undefined
};

struct DecoderWeights {
  ModelConfig config;
  LinearWeight embedding;  // [V, D]; packed when it also is the head
  std::vector<LayerWeights> layers;
  at::Tensor final_norm;  // [D]
  LinearWeight head;      // [V, D]; the same tensor as embedding when tied
};

/// Every distinct parameter with its Hugging Face name ("model.layers.0.self_attn.q_proj.weight"),
/// in a fixed order; a tied head is left out.
std::vector<std::pair<std::string, at::Tensor*>> NamedParameters(DecoderWeights& weights);
std::vector<std::pair<std::string, at::Tensor>> NamedParameters(const DecoderWeights& weights);

/// The float32 tensors of a model of this shape, contents undefined; on the meta device they are
/// shapes alone and take no memory.
DecoderWeights EmptyWeights(const ModelConfig& config, at::Device device);

/// Random float32 weights; values depend only on (key, parameter name, index).
DecoderWeights InitWeights(const ModelConfig& config, const InitConfig& init, RngKey key);

/// Deep copy without grad.
DecoderWeights CloneWeights(const DecoderWeights& weights);

/// Packs every matrix for the native kernels (float32, contiguous, CPU), an untied embedding aside.
/// With kDrop each row-major matrix is let go of once it is packed: other ops cannot run it then.
/// With kBfloat16 their values are rounded to it, and products round their inputs (PackedMatrix).
enum class Unpacked { kKeep, kDrop };
void PackWeights(DecoderWeights& weights, Unpacked unpacked = Unpacked::kKeep,
                 Precision precision = Precision::kFloat32);

/// SHA-256 over names, shapes, dtypes and bytes.
std::string WeightsSha256(const DecoderWeights& weights);

}  // namespace retort
