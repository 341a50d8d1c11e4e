// The client of a served teacher against a server that misbehaves (fake_server.h).
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <cstdlib>
#include <thread>

#include "core/base/clock.h"
#include "core/base/stop.h"
#include "core/lm/engine/openai.h"
#include "tests/core/lm/fake_server.h"
#include "tests/core/lm/test_files.h"

namespace retort {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using testing_server::FakeServer;
using testing_server::FakeServerOptions;
using Manner = FakeServerOptions::Manner;

constexpr const char* kKeyVariable = "RETORT_TEST_KEY";
constexpr const char* kKey = "sk-secret-0123456789";

const Tokenizer& Words() {
  static const std::unique_ptr<Tokenizer> tokenizer = [] {
    std::vector<std::string> words;
    for (int i = 0; i < 40; ++i) words.push_back(StrCat("w", i));
    return MakeWordLevelTokenizer(words);
  }();
  return *tokenizer;
}

/// One to twelve words that depend on prompt and seed alone.
std::vector<int32_t> Ramble(const std::vector<int32_t>& prompt, uint64_t seed) {
  uint64_t sum = 0;
  for (const int32_t id : prompt) sum = sum * 31 + static_cast<uint64_t>(id);
  Rng rng = Rng::Derive({"ramble", sum, seed});
  std::vector<int32_t> ids(1 + rng.NextBelow(12));
  for (int32_t& id : ids) id = static_cast<int32_t>(4 + rng.NextBelow(40));
  return ids;
}

std::vector<GenerateRequest> Rows(int count, int prompts = 7) {
  std::vector<GenerateRequest> rows;
  for (int i = 0; i < count; ++i) {
    rows.push_back({.prompt_ids = {1, 4 + i % prompts, 9},
                    .sampling = {.max_new_tokens = 8, .stop_ids = {2}},
                    .row_key = Rng::DeriveKey({"row", static_cast<uint64_t>(i)})});
  }
  return rows;
}

ServerConfig ConfigFor(const FakeServer& server) {
  ServerConfig config;
  config.url = server.url();
  config.model = "fake-7b";
  config.concurrency = 4;
  config.timeout_seconds = 1;
  config.backoff_seconds = 0.01;
  config.price = {.input_per_million = 1e6, .output_per_million = 2e6};
  return config;
}

class OpenAiEngine : public ::testing::Test {
 protected:
  void SetUp() override { SetStopRequested(0); }
  void TearDown() override { SetStopRequested(0); }
};

/// Ids and log-probabilities as a local engine would give them for what the server samples.
void ExpectRamble(const GenerateRequest& row, const Completion& completion, uint64_t seed) {
  std::vector<int32_t> ids = Ramble(row.prompt_ids, seed);
  const bool length = ids.size() >= 8;
  length ? ids.resize(8) : ids.push_back(2);
  EXPECT_EQ(completion.token_ids, ids);
  EXPECT_EQ(completion.finish, length ? FinishReason::kLength : FinishReason::kStopId);
  EXPECT_EQ(completion.usage.decoded, std::ssize(ids));
  EXPECT_EQ(completion.log_probs.size(), ids.size());
}

uint64_t SeedOf(const GenerateRequest& row) { return Rng(row.row_key).NextU32() & 0x7fffffffU; }

TEST_F(OpenAiEngine, GivesTheServersIdsInTheMannerOfVllmAndOfLlamaCpp) {
  for (const Manner manner : {Manner::kVllm, Manner::kLlamaCpp}) {
    const FakeServer server(Words(), {.manner = manner, .script = Ramble});
    const auto engine = MakeOpenAiEngine(ConfigFor(server), Words());
    const auto rows = Rows(30);
    const auto completions = engine->Generate(rows);
    for (size_t i = 0; i < rows.size(); ++i) {
      ExpectRamble(rows[i], completions[i], SeedOf(rows[i]));
      EXPECT_FLOAT_EQ(completions[i].log_probs[0],
                      -0.25F - 0.125F * static_cast<float>(completions[i].token_ids[0] % 8));
    }
    EXPECT_EQ(engine->Stats().served.requests, 30);
    EXPECT_EQ(engine->Stats().served.attempts, 30);
    EXPECT_EQ(engine->Info().config.FlopsPerToken(100), 0);
  }
}

TEST_F(OpenAiEngine, SendsEverySamplingValueBecauseServersHaveDefaults) {
  const FakeServer server(Words(), {.script = Ramble});
  const auto engine = MakeOpenAiEngine(ConfigFor(server), Words());
  auto rows = Rows(1);
  rows[0].sampling.temperature = 0.7;
  rows[0].sampling.top_p = 0.9;
  rows[0].sampling.stop_texts = {"w39 w39 w39"};
  engine->Generate(rows);
  const Json sent = server.requests().at(0);
  EXPECT_EQ(sent.at("prompt"), Json(rows[0].prompt_ids));
  EXPECT_EQ(sent.at("temperature"), 0.7);
  EXPECT_EQ(sent.at("top_p"), 0.9);
  EXPECT_EQ(sent.at("top_k"), -1);
  EXPECT_EQ(sent.at("min_p"), 0.0);
  EXPECT_EQ(sent.at("repetition_penalty"), 1.0);
  EXPECT_EQ(sent.at("max_tokens"), 8);
  EXPECT_EQ(sent.at("stop"), Json({"w39 w39 w39"}));
  EXPECT_EQ(sent.at("stop_token_ids"), Json({2}));
  EXPECT_EQ(sent.at("seed"), SeedOf(rows[0]));
}

TEST_F(OpenAiEngine, EncodesTheTextOfAServerThatTellsNoIds) {
  const FakeServer server(Words(), {.manner = Manner::kTextOnly, .script = Ramble});
  ServerConfig config = ConfigFor(server);
  config.prompt = "text";
  const auto engine = MakeOpenAiEngine(config, Words());
  const auto rows = Rows(10);
  const auto completions = engine->Generate(rows);
  EXPECT_EQ(server.requests().at(0).at("prompt").get<std::string>().substr(0, 1), "w");
  for (size_t i = 0; i < rows.size(); ++i) {
    ExpectRamble(rows[i], completions[i], SeedOf(rows[i]));
  }
}

TEST_F(OpenAiEngine, SaysWhenAStopTextEndedTheCompletion) {
  const auto script = [](const std::vector<int32_t>&, uint64_t) {
    return std::vector<int32_t>{10, 11, 12, 13};
  };
  for (const Manner manner : {Manner::kVllm, Manner::kLlamaCpp}) {
    const FakeServer server(Words(), {.manner = manner, .script = script});
    const auto engine = MakeOpenAiEngine(ConfigFor(server), Words());
    auto rows = Rows(1);
    rows[0].sampling.stop_texts = {"w8"};
    EXPECT_EQ(engine->Generate(rows)[0].finish, FinishReason::kStopText);
  }
}

TEST_F(OpenAiEngine, FaultsOfEveryKindLoseNothingDoubleNothingAndChangeNothing) {
  const auto rows = Rows(400);
  std::vector<Completion> undisturbed;
  ServedUse use;
  {
    const FakeServer server(Words(), {.script = Ramble});
    const auto engine = MakeOpenAiEngine(ConfigFor(server), Words());
    undisturbed = engine->Generate(rows);
    use = engine->Stats().served;
  }
  const FakeServer server(Words(), {.fault_rate = 0.2, .script = Ramble});
  ServerConfig config = ConfigFor(server);
  config.concurrency = 32;
  const auto engine = MakeOpenAiEngine(config, Words());
  const auto completions = engine->Generate(rows);
  for (size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(completions[i].token_ids, undisturbed[i].token_ids) << i;
    EXPECT_EQ(completions[i].log_probs, undisturbed[i].log_probs) << i;
    EXPECT_EQ(completions[i].finish, undisturbed[i].finish) << i;
  }
  EXPECT_EQ(server.answers(), 400);
  EXPECT_EQ(server.repeated_answers(), 0);
  EXPECT_GT(server.attempts(), 400 * 1.1);
  EXPECT_LE(server.attempts(), 400 * 1.3);
  const ServedUse disturbed = engine->Stats().served;
  EXPECT_EQ(disturbed.requests, 400);
  EXPECT_EQ(disturbed.attempts, server.attempts());
  EXPECT_EQ(disturbed.prompt_tokens, use.prompt_tokens);
  EXPECT_EQ(disturbed.completion_tokens, use.completion_tokens);
  EXPECT_DOUBLE_EQ(disturbed.money, use.money);
  EXPECT_DOUBLE_EQ(use.money, static_cast<double>(use.prompt_tokens + 2 * use.completion_tokens));
}

TEST_F(OpenAiEngine, EveryFaultIsTriedAgainOnceAndRetryAfterIsWaitedFor) {
  for (int fault = 0; fault < FakeServer::kFaults; ++fault) {
    const FakeServer server(Words(), {.first_fault = fault, .script = Ramble});
    ServerConfig config = ConfigFor(server);
    config.timeout_seconds = 0.3;
    const auto engine = MakeOpenAiEngine(config, Words());
    const auto rows = Rows(2);
    const double start = MonotonicSeconds();
    const auto completions = engine->Generate(rows);
    const double least_s = fault == FakeServer::kSlowDownFault ? 0.99 : 0;
    EXPECT_GE(MonotonicSeconds() - start, least_s);
    for (size_t i = 0; i < rows.size(); ++i) {
      ExpectRamble(rows[i], completions[i], SeedOf(rows[i]));
    }
    EXPECT_EQ(server.attempts(), 4) << fault;
    EXPECT_EQ(server.answers(), 2) << fault;
    EXPECT_EQ(engine->Stats().served.requests, 2) << fault;
  }
}

TEST_F(OpenAiEngine, NeverHasMoreRequestsInFlightThanAsked) {
  const FakeServer server(Words(), {.script = Ramble, .seconds_per_answer = 0.005});
  ServerConfig config = ConfigFor(server);
  config.concurrency = 3;
  const auto engine = MakeOpenAiEngine(config, Words());
  std::vector<std::jthread> callers;
  for (int i = 0; i < 8; ++i) callers.emplace_back([&] { engine->Generate(Rows(5)); });
  callers.clear();
  EXPECT_EQ(server.most_at_once(), 3);
  EXPECT_EQ(server.answers(), 40);
}

TEST_F(OpenAiEngine, AsksForSeveralSamplesAtOnceAndMatchesThemByIndex) {
  const FakeServer server(Words(), {.fault_rate = 0.2, .script = Ramble});
  ServerConfig config = ConfigFor(server);
  config.samples_per_request = 8;
  const auto engine = MakeOpenAiEngine(config, Words());
  const auto rows = Rows(20, 1);
  const auto completions = engine->Generate(rows);
  for (size_t i = 0; i < rows.size(); ++i) {
    ExpectRamble(rows[i], completions[i], SeedOf(rows[i / 8 * 8]) + i % 8);
  }
  EXPECT_EQ(engine->Stats().served.requests, 3);
  EXPECT_EQ(engine->Stats().served.prompt_tokens, 3 * 3);
}

TEST_F(OpenAiEngine, SendsTheKeyAndNeverSaysIt) {
  ::setenv(kKeyVariable, kKey, 1);
  const FakeServer server(Words(), {.key = kKey, .script = Ramble});
  ServerConfig config = ConfigFor(server);
  config.api_key_env = kKeyVariable;
  EXPECT_EQ(MakeOpenAiEngine(config, Words())->Generate(Rows(3)).size(), 3U);
  ::setenv(kKeyVariable, "sk-another-secret", 1);
  const auto engine = MakeOpenAiEngine(config, Words());
  const int64_t before = server.requests_of_any_kind();
  const std::string refused =
      MessageOf([&] { engine->Generate(Rows(30)); }, ExitCode::kUnavailable);
  EXPECT_THAT(refused, AllOf(HasSubstr(kKeyVariable), HasSubstr("HTTP 401"), HasSubstr("***"),
                             Not(HasSubstr("another"))));
  EXPECT_LE(server.requests_of_any_kind() - before, config.concurrency);  // at once, never again
  ::unsetenv(kKeyVariable);
  EXPECT_THAT(MessageOf([&] { MakeOpenAiEngine(config, Words()); }, ExitCode::kUnavailable),
              HasSubstr("RETORT_TEST_KEY is not set"));
  ::setenv(kKeyVariable, "two\r\nX-Injected: lines", 1);
  EXPECT_THAT(MessageOf([&] { MakeOpenAiEngine(config, Words()); }, ExitCode::kUnavailable),
              Not(HasSubstr("Injected")));
  ::unsetenv(kKeyVariable);
  config.api_key_env = "";
  EXPECT_THAT(MessageOf([&] { CheckServer(config, Words()); }, ExitCode::kUnavailable),
              HasSubstr("server.api_key_env"));
}

TEST_F(OpenAiEngine, FailsAtOnceAndPlainlyWhenTheServerIsDownOrServesAnotherModel) {
  ServerConfig config;
  {
    const FakeServer server(Words(), {.script = Ramble});
    config = ConfigFor(server);
    config.model = "gpt-9";
    EXPECT_THAT(MessageOf([&] { MakeOpenAiEngine(config, Words())->Generate(Rows(9)); },
                          ExitCode::kUnavailable),
                AllOf(HasSubstr("serves no model gpt-9"), HasSubstr("fake-7b")));
    EXPECT_EQ(server.attempts(), 0);
  }
  EXPECT_THAT(MessageOf([&] { MakeOpenAiEngine(config, Words())->Generate(Rows(9)); },
                        ExitCode::kUnavailable),
              AllOf(HasSubstr(config.url), HasSubstr("no connection")));
}

TEST_F(OpenAiEngine, GivesUpAfterItsAttemptsWithTheLastCause) {
  const FakeServer server(
      Words(), {.script = Ramble, .refuse = [](const Json&) {
                  return std::pair(503, std::string(R"({"error":{"message":"Loading model"}})"));
                }});
  ServerConfig config = ConfigFor(server);
  config.max_attempts = 3;
  config.concurrency = 1;
  const auto engine = MakeOpenAiEngine(config, Words());
  EXPECT_THAT(MessageOf([&] { engine->Generate(Rows(5)); }, ExitCode::kUnavailable),
              AllOf(HasSubstr("3 attempts"), HasSubstr("HTTP 503 (Loading model)")));
  EXPECT_EQ(server.attempts(), 3);
  MessageOf([&] { engine->Generate(Rows(5)); }, ExitCode::kUnavailable);
  EXPECT_EQ(server.attempts(), 3);  // who has given up does not ask again
}

TEST_F(OpenAiEngine, APromptBeyondTheContextFailsItsCallAlone) {
  const auto refuse = [](const Json& request) {
    const bool fits = request.at("prompt").size() < 5;
    return std::pair(fits ? 0 : 400, std::string(R"({"error":{"message":"This model's maximum )"
                                                 R"(context length is 5 tokens","code":400}})"));
  };
  const FakeServer server(Words(), {.script = Ramble, .refuse = refuse});
  const auto engine = MakeOpenAiEngine(ConfigFor(server), Words());
  auto rows = Rows(2);
  rows[1].prompt_ids = {1, 4, 5, 6, 7, 8};
  EXPECT_THAT(MessageOf([&] { engine->Generate(rows); }),
              AllOf(HasSubstr("context"), HasSubstr("maximum context length is 5 tokens")));
  EXPECT_EQ(engine->Generate(Rows(2)).size(), 2U);
}

TEST_F(OpenAiEngine, ASlowAnswerIsAskedForAgainWithTwiceTheTime) {
  const FakeServer server(Words(), {.script = Ramble, .seconds_per_answer = 0.3});
  ServerConfig config = ConfigFor(server);
  config.timeout_seconds = 0.2;
  EXPECT_EQ(MakeOpenAiEngine(config, Words())->Generate(Rows(1)).size(), 1U);
  EXPECT_EQ(server.attempts(), 2);
}

TEST_F(OpenAiEngine, CtrlCEndsACallWithinItsRequests) {
  const FakeServer server(Words(), {.script = Ramble, .seconds_per_answer = 3});
  ServerConfig config = ConfigFor(server);
  config.timeout_seconds = 60;
  const auto engine = MakeOpenAiEngine(config, Words());
  const std::jthread interrupter([&] {
    while (server.attempts() == 0) std::this_thread::yield();
    SetStopRequested(SIGINT);
  });
  const double start = MonotonicSeconds();
  EXPECT_THAT(MessageOf([&] { engine->Generate(Rows(50)); }, ExitCode::kInterrupted),
              HasSubstr("stopped by SIGINT"));
  EXPECT_LT(MonotonicSeconds() - start, 2.5);
  EXPECT_LE(server.attempts(), config.concurrency);
}

TEST_F(OpenAiEngine, RefusesAServerThatCutsTextIntoOtherTokens) {
  const auto theirs = LoadTokenizer(RealEnv(), GoldenPath("bpe_gpt2"));
  const auto ours = LoadTokenizer(RealEnv(), GoldenPath("bpe_smollm2"));
  const FakeServer server(*theirs, {.script = Ramble});
  CheckServer(ConfigFor(server), *theirs);
  EXPECT_THAT(MessageOf([&] { CheckServer(ConfigFor(server), *ours); }),
              HasSubstr("other tokens than `tokenizer`"));
}

TEST_F(OpenAiEngine, FollowsNoRedirectBecauseTheKeyWouldGoAlong) {
  const FakeServer server(Words(), {.script = Ramble, .refuse = [](const Json&) {
                                      return std::pair(302, std::string("moved"));
                                    }});
  EXPECT_THAT(MessageOf([&] { MakeOpenAiEngine(ConfigFor(server), Words())->Generate(Rows(1)); },
                        ExitCode::kUnavailable),
              HasSubstr("HTTP 302"));
}

TEST_F(OpenAiEngine, ScoresByEchoWhereTheServerCan) {
  const FakeServer server(Words(), {.script = Ramble});
  ServerConfig config = ConfigFor(server);
  const std::vector<ScoreRequest> requests = {{{1, 5, 6}, {7, 8}}, {{1, 5}, {}}, {{1}, {9}}};
  EXPECT_THAT(
      MessageOf([&] { MakeOpenAiEngine(config, Words())->Score(requests); }, ExitCode::kConfig),
      HasSubstr("server.score"));
  config.score = "echo";
  const auto results = MakeOpenAiEngine(config, Words())->Score(requests);
  EXPECT_EQ(results[0].log_probs, (std::vector<float>{-1.125F, -0.25F}));
  EXPECT_TRUE(results[1].log_probs.empty());
  EXPECT_EQ(results[2].log_probs, (std::vector<float>{-0.375F}));
}

}  // namespace
}  // namespace retort
