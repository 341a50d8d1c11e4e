#include "train/train_inputs.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "core/base/error.h"
#include "core/lm/engine/device.h"
#include "train/fused_ops.h"

namespace retort {
namespace {

void CheckExample(const Example& example, const ModelConfig& model) {
  const std::string where = StrCat("train: example of problem ", example.problem_id, " (source ",
                                   example.source, ", node ", example.node, ")");
  if (example.prompt_ids.empty() || example.completion_ids.empty()) {
    PackExamples(std::vector<const Example*>{&example});  // throws, naming the example
  }
  for (const auto* ids : {&example.prompt_ids, &example.completion_ids}) {
    for (const int32_t id : *ids) {
      if (id >= 0 && id < model.vocab_size) continue;
      throw Error(ExitCode::kData,
                  StrCat(where, ": token id ", id, " is outside the vocabulary of ",
                         model.vocab_size, " - run the filter stage again"));
    }
  }
  if (ExampleRows(example) > model.max_position_embeddings) {
    throw Error(ExitCode::kData,
                StrCat(where, ": ", ExampleRows(example), " positions, the model has ",
                       model.max_position_embeddings,
                       " - raise model.max_position_embeddings or add a length filter"));
  }
}

}  // namespace

void CheckTrainInputs(const TrainConfig& config, const TrainInputs& inputs) {
  RETORT_CHECK(config.objective != nullptr, "TrainConfig has no objective");
  if (inputs.dataset.examples.empty()) {
    throw Error(ExitCode::kData, StrCat("train: dataset ", config.data,
                                        " is empty - look at the filter stage's funnel.json"));
  }
  if (inputs.dataset.tokenizer_sha256 != inputs.tokenizer.Sha256()) {
    throw Error(ExitCode::kData,
                StrCat("train: dataset ", config.data, " was made with tokenizer ",
                       inputs.dataset.tokenizer_sha256.substr(0, 12), ", this run uses ",
                       inputs.tokenizer.Sha256().substr(0, 12), " - run the filter stage again"));
  }
  if (config.model.vocab_size != inputs.tokenizer.VocabSize()) {
    throw Error(ExitCode::kData,
                StrCat("train: the model has a vocabulary of ", config.model.vocab_size,
                       ", the tokenizer ", inputs.tokenizer.VocabSize(), " - they must agree"));
  }
  if (config.select == "best_dev" && (inputs.dev.empty() || config.eval_problems == 0)) {
    throw Error(ExitCode::kConfig,
                StrCat("train: select: best_dev needs problems in the split ", config.dev_split,
                       " - add them under problems:, or set select: last"));
  }
  for (const Example& example : inputs.dataset.examples) CheckExample(example, config.model);
}

at::Device TrainDevice(const std::string& name) { return at::Device(ResolveDevice(name)); }

BatchGradient::OpsFactory TrainOps(const std::string& precision, at::Device device) {
  if (precision == "float32" && device.is_cpu()) return [] { return MakeFusedTrainingOps(); };
  const at::ScalarType dtype = precision == "bfloat16" ? at::kBFloat16 : at::kFloat;
  return [dtype] { return MakeCompositeOps(dtype); };
}

DecoderWeights InitialWeights(const TrainConfig& config, const TrainInputs& inputs, uint64_t seed,
                              at::Device device) {
  DecoderWeights weights;
  if (inputs.init_weights == nullptr) {
    weights = InitWeights(config.model, config.init, Rng::DeriveKey({seed, "init"}));
  } else {
    weights = CloneWeights(*inputs.init_weights);
    if (!(weights.config == config.model)) {
      throw Error(ExitCode::kData, StrCat("train: init_from ", config.init_from,
                                          " has another shape than model: - make them agree"));
    }
  }
  TransformWeights(weights, [device](const at::Tensor& t) { return t.to(device).contiguous(); });
  return weights;
}

void CopyInto(const std::map<std::string, at::Tensor>& tensors, DecoderWeights& weights) {
  const at::NoGradGuard no_grad;
  const auto parameters = NamedParameters(weights);
  for (const auto& [name, parameter] : parameters) {
    const auto found = tensors.find(name);
    if (found == tensors.end() || !found->second.sizes().equals(parameter->sizes())) {
      throw Error(ExitCode::kData, StrCat("train: tensor ", name, " of the checkpoint is ",
                                          found == tensors.end() ? "missing" : "misshapen"));
    }
    parameter->copy_(found->second);
  }
  if (tensors.size() != parameters.size()) {
    throw Error(ExitCode::kData, StrCat("train: the checkpoint has ", tensors.size(),
                                        " tensors, the model ", parameters.size()));
  }
}

int64_t ExampleRows(const Example& example) {
  return std::ssize(example.prompt_ids) + std::ssize(example.completion_ids) - 1;
}

double TrainingFlops(const ModelConfig& model, int64_t rows) {
  double forward = 0;
  for (int64_t context = 1; context <= rows; ++context) forward += model.FlopsPerToken(context);
  return 3 * forward;
}

std::string FirstNonFinite(const std::vector<std::pair<std::string, at::Tensor>>& parameters) {
  for (const auto& [name, parameter] : parameters) {
    const at::Tensor& gradient = parameter.grad();
    if (gradient.defined() && !at::isfinite(gradient).all().item<bool>()) {
      return "the gradient of " + name;
    }
  }
  return "the loss";
}

std::string DescribeExamples(std::span<const Example* const> examples) {
  constexpr size_t kShown = 8;
  std::string text;
  for (size_t i = 0; i < std::min(examples.size(), kShown); ++i) {
    const Example& example = *examples[i];
    const std::string node = example.node < 0 ? "gold" : StrCat("node ", example.node);
    text += StrCat(i == 0 ? "" : ", ", example.problem_id, " (", node, ")");
  }
  if (examples.size() > kShown) text += StrCat(", and ", examples.size() - kShown, " more");
  return text;
}

}  // namespace retort
