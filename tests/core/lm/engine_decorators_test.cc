#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

#include "core/base/env.h"
#include "core/base/error.h"
#include "core/base/json.h"
#include "core/base/strings.h"
#include "core/lm/engine/engine.h"
#include "tests/core/lm/tiny_model.h"

namespace retort {
namespace {

/// Answers with the prompt backwards.
std::vector<int32_t> Backwards(std::span<const int32_t> prompt, RngKey) {
  return {prompt.rbegin(), prompt.rend()};
}

std::vector<GenerateRequest> Requests() {
  const SamplingParams sampling{.max_new_tokens = 3, .stop_ids = {2}, .stop_texts = {}};
  return {{.prompt_ids = {5, 6, 7, 8}, .sampling = sampling, .row_key = {1, 2}},
          {.prompt_ids = {5, 6, 2, 9}, .sampling = sampling, .row_key = {3, 4}}};
}

TEST(ScriptedEngine, PlaysItsScriptWithinLengthAndStopIds) {
  const auto engine = MakeScriptedEngine(Backwards, testing_models::TinyConfig());
  const auto completions = engine->Generate(Requests());
  EXPECT_EQ(completions[0].token_ids, (std::vector<int32_t>{8, 7, 6}));
  EXPECT_EQ(completions[0].finish, FinishReason::kLength);
  EXPECT_EQ(completions[0].log_probs.size(), 3U);
  EXPECT_EQ(completions[1].token_ids, (std::vector<int32_t>{9, 2}));
  EXPECT_EQ(completions[1].finish, FinishReason::kStopId);
  EXPECT_EQ(completions[1].usage.prefill_computed, 2);
  EXPECT_EQ(completions[1].usage.prefill_shared, 2);
  EXPECT_EQ(completions[1].usage.decoded, 2);
  EXPECT_EQ(engine->Info().model_sha256, "scripted");
}

TEST(ScriptedEngine, ScoresEveryCompletionTokenAsCertain) {
  const auto engine = MakeScriptedEngine(Backwards, testing_models::TinyConfig());
  const auto results = engine->Score(std::vector<ScoreRequest>{{{1, 2}, {3, 4, 5}}});
  EXPECT_EQ(results[0].log_probs, (std::vector<float>{0, 0, 0}));
}

TEST(RecordingEngine, WritesEveryRequestAndAnswerAsALine) {
  const std::string path = testing::TempDir() + "recording_" + std::to_string(getpid()) + ".jsonl";
  const auto inner = MakeScriptedEngine(Backwards, testing_models::TinyConfig());
  {
    const auto engine = MakeRecordingEngine(*inner, RealEnv(), path);
    EXPECT_EQ(engine->Generate(Requests())[0].token_ids.size(), 3U);
    engine->Score(std::vector<ScoreRequest>{{{1, 2}, {3}}});
  }
  const auto lines = Split(RealEnv().ReadFile(path), '\n');
  ASSERT_EQ(lines.size(), 4U);  // three and the empty end
  const Json first = ParseJson(lines[0], path);
  EXPECT_EQ(first["kind"], "generate");
  EXPECT_EQ(first["call"], 0);
  EXPECT_EQ(first["request"]["prompt_ids"], Json({5, 6, 7, 8}));
  EXPECT_EQ(first["request"]["row_key"], Json({1, 2}));
  EXPECT_EQ(first["answer"]["token_ids"], Json({8, 7, 6}));
  EXPECT_EQ(ParseJson(lines[1], path)["answer"]["finish"], "stop_id");
  EXPECT_EQ(ParseJson(lines[2], path)["kind"], "score");
  EXPECT_EQ(ParseJson(lines[2], path)["call"], 1);
  RealEnv().Remove(path);
}

TEST(CheckingEngine, PassesEqualAnswersOn) {
  const auto a = MakeScriptedEngine(Backwards, testing_models::TinyConfig());
  const auto b = MakeScriptedEngine(Backwards, testing_models::TinyConfig());
  const auto engine = MakeCheckingEngine(*a, *b, 0.0);
  EXPECT_EQ(engine->Generate(Requests())[1].token_ids, (std::vector<int32_t>{9, 2}));
  EXPECT_EQ(engine->Score(std::vector<ScoreRequest>{{{1}, {3}}})[0].log_probs.size(), 1U);
}

TEST(CheckingEngine, NamesTheFirstTokenThatDiffers) {
  const auto a = MakeScriptedEngine(Backwards, testing_models::TinyConfig());
  const auto b = MakeScriptedEngine(
      [](std::span<const int32_t> prompt, RngKey key) {
        auto ids = Backwards(prompt, key);
        if (key.key == 3) ids[0] = 11;
        return ids;
      },
      testing_models::TinyConfig());
  const auto engine = MakeCheckingEngine(*a, *b, 0.0);
  try {
    engine->Generate(Requests());
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kInternal);
    EXPECT_NE(std::string(error.what()).find("row 1 token 0 is 9 instead of 11"), std::string::npos)
        << error.what();
  }
}

TEST(CheckingEngine, NativeKernelsPassAgainstTheCompositeOps) {
  const auto tokenizer = testing_models::TinyTokenizer();
  const auto weights = testing_models::RandomWeights(testing_models::TinyConfig());
  const auto native = MakeLocalEngine({.device = "cpu"}, weights, *tokenizer, 1);
  const auto composite =
      MakeLocalEngine({.kernels = "composite", .device = "cpu"}, weights, *tokenizer, 1);
  auto requests = Requests();
  for (auto& request : requests) request.sampling.temperature = 0;
  EXPECT_EQ(MakeCheckingEngine(*native, *composite, 1e-4)->Generate(requests).size(), 2U);
}

}  // namespace
}  // namespace retort
