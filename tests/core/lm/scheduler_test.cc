#include "core/lm/engine/scheduler.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "tests/core/lm/tiny_model.h"

namespace retort {
namespace {

using testing_models::RandomWeights;
using testing_models::TinyConfig;
using testing_models::TinyTokenizer;

constexpr int kNewTokens = 9;
constexpr int64_t kPromptTokens = 6;
constexpr int64_t kLongest = kPromptTokens + kNewTokens - 1;

std::vector<GenerateRequest> Requests() {
  std::vector<GenerateRequest> requests;
  for (uint64_t p = 0; p < 4; ++p) {
    for (uint64_t s = 0; s < 5; ++s) {
      std::vector<int32_t> ids = {1, 4, 5, 6};
      while (std::ssize(ids) < kPromptTokens) ids.push_back(static_cast<int32_t>(7 + p));
      requests.push_back(
          {.prompt_ids = ids,
           .sampling = {.max_new_tokens = kNewTokens, .stop_ids = {}, .stop_texts = {}},
           .row_key = Rng::DeriveKey({"scheduler_test", p, s})});
    }
  }
  return requests;
}

struct Outcome {
  std::vector<std::vector<int32_t>> completions;
  std::vector<std::vector<float>> log_probs;
  int64_t computed = 0;
  int64_t forwards = 0;
};

/// Runs the requests to their end, a step at a time.
Outcome RunAll(const SchedulerConfig& config) {
  const auto requests = Requests();
  const auto tokenizer = TinyTokenizer();
  ForwardRunner runner({.device = "cpu"}, RandomWeights(TinyConfig()),
                       Scheduler::CacheSlots(config), 1);
  Scheduler scheduler(config, runner, *tokenizer);
  std::vector<Row> rows(requests.begin(), requests.end());
  for (Row& row : rows) scheduler.Add(&row);
  std::vector<Row*> finished;
  for (int step = 0; step < 2000 && !scheduler.idle(); ++step) scheduler.Step(&finished);
  EXPECT_TRUE(scheduler.idle()) << "no progress";
  EXPECT_EQ(finished.size(), rows.size());
  Outcome outcome;
  for (const Row& row : rows) {
    outcome.completions.push_back(row.completion());
    outcome.log_probs.push_back(row.log_probs());
  }
  outcome.computed = scheduler.computed_tokens();
  outcome.forwards = scheduler.forwards();
  return outcome;
}

TEST(Scheduler, MemoryForOneRowIsEnoughForAllOfThemToTheSameBits) {
  const Outcome expected = RunAll({.slots = 4096});
  for (const int64_t slots : {kLongest, kLongest + 1, kLongest + 5, 3 * kLongest}) {
    for (const bool prefix_cache : {true, false}) {
      for (const bool keep_logits : {true, false}) {
        for (const int64_t max_batch : {1, 4, 64}) {
          const Outcome outcome = RunAll({.max_batch = max_batch,
                                          .slots = slots,
                                          .prefix_cache = prefix_cache,
                                          .keep_logits = keep_logits});
          EXPECT_EQ(outcome.completions, expected.completions) << slots << " slots";
          EXPECT_EQ(outcome.log_probs, expected.log_probs) << slots << " slots";
        }
      }
    }
  }
}

TEST(Scheduler, AStarvedPoolComputesMoreThanAnAmpleOne) {
  EXPECT_GT(RunAll({.slots = kLongest}).computed, RunAll({.slots = 4096}).computed);
}

TEST(Scheduler, RowsOfOnePromptAreComputedOnceInTheFirstStep) {
  const auto requests = Requests();
  const auto tokenizer = TinyTokenizer();
  const SchedulerConfig config{.slots = 4096};
  ForwardRunner runner({.device = "cpu"}, RandomWeights(TinyConfig()),
                       Scheduler::CacheSlots(config), 1);
  Scheduler scheduler(config, runner, *tokenizer);
  std::vector<Row> rows(requests.begin(), requests.begin() + 5);
  for (Row& row : rows) scheduler.Add(&row);
  std::vector<Row*> finished;
  scheduler.Step(&finished);
  EXPECT_EQ(scheduler.computed_tokens(), kPromptTokens);
}

TEST(Scheduler, ABatchNeverHasMoreRowsThanItsLimit) {
  const Outcome one = RunAll({.max_batch = 1, .slots = 4096});
  const Outcome many = RunAll({.max_batch = 64, .slots = 4096});
  EXPECT_EQ(one.forwards, one.computed);
  EXPECT_EQ(one.computed, many.computed);
  EXPECT_LT(many.forwards, many.computed / 4);
}

}  // namespace
}  // namespace retort
