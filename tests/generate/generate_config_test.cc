#include <gtest/gtest.h>

#include "core/base/error.h"
#include "generate/generate_stage.h"
#include "tests/generate/fake_task.h"

namespace retort {
namespace {

std::string ErrorsOf(const std::string& yaml) {
  const auto document = testing::ParseConfig(yaml);
  GenerateConfig::FromConfig(document->Root());
  try {
    document->Finish();
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

TEST(GenerateConfig, ReadsEveryKey) {
  const auto document = testing::ParseConfig(
      "{model: teacher, problems: search, limit: 5, unsolved_of: first, shards: 4, in_flight: 9, "
      "budget: {max_tokens: 100}, engine: {max_batch: 8}, "
      "strategy: {name: best_of_n, n: 4, wave: 2, stop_after_correct: 1, select: vote, "
      "temperature: 0.7, top_k: 5, top_p: 0.9, min_p: 0.1, max_new_tokens: 7}}");
  const GenerateConfig config = GenerateConfig::FromConfig(document->Root());
  document->Finish();
  EXPECT_EQ(config.model, "teacher");
  EXPECT_EQ(config.problems, "search");
  EXPECT_EQ(config.limit, 5);
  EXPECT_EQ(config.unsolved_of, "first");
  EXPECT_EQ(config.shards, 4);
  EXPECT_EQ(config.in_flight, 9);
  EXPECT_EQ(config.budget.max_tokens, 100);
  EXPECT_EQ(config.engine.max_batch, 8);
  ASSERT_NE(config.strategy, nullptr);
  EXPECT_EQ(config.strategy->Name(), "best_of_n");
}

TEST(GenerateConfig, SecondsAreRefusedBecauseTheyMakeTracesDependOnTheMachine) {
  const std::string errors = ErrorsOf(
      "{model: t, problems: search, budget: {max_seconds: 2}, strategy: {name: best_of_n}}");
  EXPECT_NE(errors.find("max_seconds"), std::string::npos) << errors;
  EXPECT_NE(errors.find("depend on the machine"), std::string::npos) << errors;
}

TEST(GenerateConfig, AStrategyThatSamplesNeedsAModel) {
  const std::string errors = ErrorsOf("{problems: search, strategy: {name: greedy}}");
  EXPECT_NE(errors.find("strategy greedy samples from a model"), std::string::npos) << errors;
  EXPECT_EQ(ErrorsOf("{problems: search, strategy: {name: solver}}"), "");
}

TEST(GenerateConfig, AServerStandsInForAModel) {
  const std::string server = "server: {url: 'http://host:8000', model: m}, problems: search, ";
  EXPECT_EQ(ErrorsOf("{" + server + "strategy: {name: greedy}}"), "");
  EXPECT_NE(ErrorsOf("{model: t, " + server + "strategy: {name: greedy}}").find("not both"),
            std::string::npos);
  EXPECT_NE(ErrorsOf("{engine: {}, " + server + "strategy: {name: greedy}}").find("no effect"),
            std::string::npos);
}

TEST(GenerateConfig, ASplitMustBeNamed) {
  const std::string errors = ErrorsOf("{strategy: {name: solver}}");
  EXPECT_NE(errors.find("the name of a problem split"), std::string::npos) << errors;
}

TEST(GenerateConfig, TheResolvedFileReadsBackTheSame) {
  const auto document =
      testing::ParseConfig("{model: t, problems: search, strategy: {name: best_of_n, n: 4}}");
  GenerateConfig::FromConfig(document->Root());
  document->Finish();
  const std::string resolved = document->ResolvedYaml();
  const auto again = testing::ParseConfig(resolved);
  GenerateConfig::FromConfig(again->Root());
  again->Finish();
  EXPECT_EQ(again->ResolvedYaml(), resolved);
}

}  // namespace
}  // namespace retort
