#include "core/lm/engine/sampler.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <vector>

#include "core/base/error.h"
#include "core/lm/model/kernels/kernels.h"
#include "core/lm/model/kernels/math.h"

namespace retort {
namespace {

/// exp((logit - largest) * factor) of every token: the tempered probabilities up to their sum.
struct Weights {
  float largest = 0;
  float sum = 0;              // in 16 lanes
  std::span<const float> of;  // in this thread's memory, until its next Exponentials
};

Weights Exponentials(std::span<const float> logits, float factor) {
  thread_local std::vector<float> memory;  // a token is sampled too often to allocate for it
  const Kernels& kernels = BestKernels();
  const auto n = static_cast<int64_t>(logits.size());
  memory.resize(logits.size());
  Weights weights;
  weights.of = memory;
  weights.largest = kernels.max(logits.data(), n);
  weights.sum = kernels.exp_sum(logits.data(), n, weights.largest, factor, memory.data());
  return weights;
}

float LogProb(std::span<const float> logits, const Weights& untempered, int32_t id) {
  const double shifted = logits[static_cast<size_t>(id)] - untempered.largest;
  const double log_prob = shifted - NaturalLog(static_cast<double>(untempered.sum));
  if (!std::isfinite(log_prob)) {
    throw Error(ExitCode::kData, StrCat("cannot sample: the model's logit of token ", id,
                                        " is not finite - its weights are damaged or diverged"));
  }
  return static_cast<float>(log_prob);
}

double SumOf(std::span<const float> weights, const std::vector<int32_t>& ids) {
  return std::accumulate(ids.begin(), ids.end(), 0.0, [&weights](double sum, int32_t id) {
    return sum + static_cast<double>(weights[static_cast<size_t>(id)]);
  });
}

/// Cuts `ids`, sorted by falling weight, to the smallest head that holds `top_p` of their weight.
void KeepNucleus(std::span<const float> weights, double top_p, std::vector<int32_t>* ids) {
  const double enough = top_p * SumOf(weights, *ids);
  double sum = 0;
  size_t kept = 0;
  while (kept < ids->size() && (kept == 0 || sum < enough)) {
    sum += static_cast<double>(weights[static_cast<size_t>((*ids)[kept++])]);
  }
  ids->resize(kept);
}

/// The ids that may be drawn, ascending.
std::vector<int32_t> Candidates(std::span<const float> weights, const SamplingParams& params) {
  std::vector<int32_t> ids(weights.size());
  std::iota(ids.begin(), ids.end(), 0);
  const bool top_k = params.top_k > 0 && static_cast<size_t>(params.top_k) < ids.size();
  if (top_k || params.top_p < 1) {
    const size_t head = top_k ? static_cast<size_t>(params.top_k) : ids.size();
    const auto more_likely = [&weights](int32_t a, int32_t b) {
      const float wa = weights[static_cast<size_t>(a)], wb = weights[static_cast<size_t>(b)];
      return wa > wb || (wa == wb && a < b);
    };
    std::partial_sort(ids.begin(), ids.begin() + static_cast<ptrdiff_t>(head), ids.end(),
                      more_likely);
    ids.resize(head);
    if (params.top_p < 1) KeepNucleus(weights, params.top_p, &ids);
    std::sort(ids.begin(), ids.end());
  }
  if (params.min_p > 0) {
    // The largest weight is exp(0) = 1.
    std::erase_if(ids, [&](int32_t id) {
      return static_cast<double>(weights[static_cast<size_t>(id)]) < params.min_p;
    });
  }
  return ids;
}

/// Uniform in [0, 1), 53 bits, the one random number of this token.
double Uniform(RngKey key, int64_t position) {
  const auto block = Rng::Block(key, static_cast<uint64_t>(position));
  const uint64_t bits = (uint64_t{block[0]} << 32U | block[1]) >> 11U;
  return static_cast<double>(bits) * 0x1p-53;
}

/// The first id at which the running sum passes `uniform` of the whole.
int32_t Draw(std::span<const float> weights, const std::vector<int32_t>& ids, double uniform) {
  const double threshold = uniform * SumOf(weights, ids);
  double sum = 0;
  int32_t last_possible = ids.back();
  for (const int32_t id : ids) {
    const auto weight = static_cast<double>(weights[static_cast<size_t>(id)]);
    if (weight == 0) continue;
    sum += weight;
    last_possible = id;
    if (sum > threshold) break;
  }
  return last_possible;
}

/// In eight chains, which the processor adds at the same time.
double SumOf(std::span<const float> weights) {
  std::array<double, 8> chains{};
  size_t i = 0;
  for (; i + chains.size() <= weights.size(); i += chains.size()) {
    for (size_t c = 0; c < chains.size(); ++c) chains[c] += static_cast<double>(weights[i + c]);
  }
  for (size_t c = 0; i < weights.size(); ++i, ++c) chains[c] += static_cast<double>(weights[i]);
  return std::accumulate(chains.begin(), chains.end(), 0.0);
}

/// The same over all ids, without naming them: by sums of blocks, then within one.
int32_t DrawFromAll(std::span<const float> weights, double uniform) {
  constexpr size_t kBlock = 256;
  std::vector<double> before;  // each block: the sum up to it
  double sum = 0;
  for (size_t i = 0; i < weights.size(); i += kBlock) {
    before.push_back(sum);
    sum += SumOf(weights.subspan(i, std::min(kBlock, weights.size() - i)));
  }
  const double threshold = uniform * sum;
  const auto block = std::upper_bound(before.begin(), before.end(), threshold) - before.begin() - 1;
  size_t id = static_cast<size_t>(block) * kBlock;
  for (sum = before[static_cast<size_t>(block)]; id < weights.size(); ++id) {
    sum += static_cast<double>(weights[id]);
    if (sum > threshold) return static_cast<int32_t>(id);
  }
  // Rounding left the threshold at the sum itself: the last id that may be drawn.
  while (id > 1 && weights[id - 1] == 0) --id;
  return static_cast<int32_t>(id - 1);
}

bool Filters(const SamplingParams& params) {
  return params.top_k > 0 || params.top_p < 1 || params.min_p > 0;
}

}  // namespace

SampledToken SampleToken(std::span<const float> logits_V, const SamplingParams& params,
                         RngKey row_key, int64_t position) {
  const Weights untempered = Exponentials(logits_V, 1.0F);
  SampledToken token;
  if (params.temperature == 0) {
    const auto best = std::find(logits_V.begin(), logits_V.end(), untempered.largest);
    // A NaN equals nothing; LogProb reports it.
    token.id = best == logits_V.end() ? 0 : static_cast<int32_t>(best - logits_V.begin());
  } else {
    const Weights weights =
        params.temperature == 1
            ? untempered
            : Exponentials(logits_V, static_cast<float>(1 / params.temperature));
    const double uniform = Uniform(row_key, position);
    token.id = Filters(params) ? Draw(weights.of, Candidates(weights.of, params), uniform)
                               : DrawFromAll(weights.of, uniform);
  }
  token.log_prob = LogProb(logits_V, untempered, token.id);
  return token;
}

float LogProbOf(std::span<const float> logits_V, int32_t id) {
  RETORT_CHECK(id >= 0 && static_cast<size_t>(id) < logits_V.size(), "token id ", id);
  return LogProb(logits_V, Exponentials(logits_V, 1.0F), id);
}

}  // namespace retort
