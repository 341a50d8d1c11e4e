// Best-of-N: independent samples, in waves, with selection by checker, vote or log-probability and
// an optional adaptive stop (Cobbe et al. 2021, arXiv 2110.14168; majority vote: Wang et al. 2022,
// arXiv 2203.11171).
#include <algorithm>
#include <utility>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "generate/sampling.h"
#include "generate/strategy.h"
#include "generate/tree_builder.h"

namespace retort {
namespace {

struct BestOfNConfig {
  int64_t n = 64;
  int64_t wave = 0;  // samples submitted at once; 0: all n
  int64_t stop_after_correct =
      0;  // after a wave, stop with so many distinct correct texts; 0: never
  std::string select = "checker";  // checker | vote | log_prob
  SamplingParams sampling;

  static BestOfNConfig FromConfig(ConfigSection& section);
};

BestOfNConfig BestOfNConfig::FromConfig(ConfigSection& section) {
  BestOfNConfig config;
  config.sampling.max_new_tokens = 0;  // the task's MaxCompletionTokens
  section.Int("n", &config.n, {.min = 1, .max = 1'000'000});
  section.Int("wave", &config.wave, {.min = 0});
  section.Int("stop_after_correct", &config.stop_after_correct, {.min = 0});
  section.Choice("select", &config.select, {"checker", "vote", "log_prob"});
  section.Float("temperature", &config.sampling.temperature, {.min = 0, .max = 100});
  section.Int("top_k", &config.sampling.top_k, {.min = 0});
  section.Float("top_p", &config.sampling.top_p, {.min = 0, .max = 1, .exclusive_min = true});
  section.Float("min_p", &config.sampling.min_p, {.min = 0, .max = 1});
  section.Int("max_new_tokens", &config.sampling.max_new_tokens, {.min = 0});
  return config;
}

/// How many more samples a budget allows. Tokens are reserved at a sample's full length, so the
/// limit is never passed and the samples taken are the same for every wave size.
class BudgetGate {
 public:
  BudgetGate(const Budget& budget, int64_t tokens_per_sample)
      : budget_(budget),
        tokens_per_sample_(tokens_per_sample),
        start_seconds_(budget.max_seconds > 0 ? MonotonicSeconds() : 0) {}

  int64_t Allow(int64_t wanted, int64_t spent_tokens) const {
    if (budget_.max_seconds > 0 && MonotonicSeconds() - start_seconds_ >= budget_.max_seconds) {
      return 0;
    }
    if (budget_.max_tokens == 0) return wanted;
    return std::min(wanted, (budget_.max_tokens - spent_tokens) / tokens_per_sample_);
  }

 private:
  Budget budget_;
  int64_t tokens_per_sample_;
  double start_seconds_;
};

class BestOfN final : public SearchStrategy {
 public:
  explicit BestOfN(BestOfNConfig config)
      : config_(std::move(config)), rule_(SelectionFromName(config_.select).value()) {}

  std::string Name() const override { return "best_of_n"; }
  bool NeedsEngine() const override { return true; }
  std::string KeyThatNeedsCheck() const override {
    if (config_.stop_after_correct > 0) return "stop_after_correct";
    return config_.select == "checker" ? "select" : "";
  }

  TraceTree Search(const Question& question, const SearchContext& context) const override {
    RETORT_CHECK(context.engine != nullptr, "best_of_n needs a model");
    TreeBuilder builder(Name(), question, context);
    const SamplingParams sampling = SamplingFor(config_.sampling, context);
    const BudgetGate gate(context.budget, sampling.max_new_tokens);
    const int64_t wave = config_.wave == 0 ? config_.n : config_.wave;
    int64_t done = 0;
    while (done < config_.n && !EnoughCorrect(builder)) {
      const int64_t size = gate.Allow(std::min(wave, config_.n - done), builder.decoded_tokens());
      if (size <= 0) break;
      for (const Completion& completion : context.engine->Generate(SampleRequests(
               builder.prompt_ids(), question, sampling, context.seed, done, done + size))) {
        builder.AddCompletion(completion);
      }
      done += size;
    }
    return builder.Finish(rule_);
  }

 private:
  bool EnoughCorrect(const TreeBuilder& builder) const {
    return config_.stop_after_correct > 0 &&
           builder.distinct_correct() >= config_.stop_after_correct;
  }

  BestOfNConfig config_;
  Selection rule_;
};

}  // namespace

std::unique_ptr<SearchStrategy> MakeBestOfN(ConfigSection& section) {
  return std::make_unique<BestOfN>(BestOfNConfig::FromConfig(section));
}

}  // namespace retort
