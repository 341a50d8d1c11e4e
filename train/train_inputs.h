// What a training run starts from: checks of its inputs, its device, operators and first weights.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "train/batch_gradient.h"
#include "train/train_stage.h"

namespace retort {

/// Slices of a batch on the CPU. A constant, so that weights do not depend on how many threads
/// share the slices.
inline constexpr int kCpuSlices = 4;

/// Throws Error(kData) or Error(kConfig) naming the first thing that does not fit together:
/// tokenizer and dataset, token ids and vocabulary, lengths and positions, dev set and selection.
void CheckTrainInputs(const TrainConfig& config, const TrainInputs& inputs);

/// auto: CUDA where there is a device. Error(kUnavailable) if cuda was asked for and is not there.
at::Device TrainDevice(const std::string& name);

/// Makes the operators of one slice.
BatchGradient::OpsFactory TrainOps(const std::string& precision, at::Device device);

/// Fresh weights keyed by {seed, "init"}, or a copy of inputs.init_weights.
DecoderWeights InitialWeights(const TrainConfig& config, const TrainInputs& inputs, uint64_t seed,
                              at::Device device);

/// Copies tensors into the parameters of the same names; Error(kData) for a missing, extra or
/// misshapen one.
void CopyInto(const std::map<std::string, at::Tensor>& tensors, DecoderWeights& weights);

/// Tokens of an example that go through the model: all but the last.
int64_t ExampleRows(const Example& example);

/// Forward and backward of one sequence of `rows` tokens: three times the forward's FLOPs
/// (ModelConfig::FlopsPerToken, row t attending t positions).
double TrainingFlops(const ModelConfig& model, int64_t rows);

/// Name of the first parameter whose gradient is not finite; "loss" if all are.
std::string FirstNonFinite(const std::vector<std::pair<std::string, at::Tensor>>& parameters);

/// "ring9-12 (node 3), ring9-40 (gold), ... 126 more".
std::string DescribeExamples(std::span<const Example* const> examples);

}  // namespace retort
