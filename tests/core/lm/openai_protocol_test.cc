#include "core/lm/engine/openai_protocol.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/lm/engine/openai_client.h"
#include "tests/core/lm/test_files.h"

namespace retort {
namespace {

using ::testing::HasSubstr;

const Tokenizer& Words() {
  static const auto tokenizer = MakeWordLevelTokenizer({"a", "b", "c"});  // ids 4, 5, 6
  return *tokenizer;
}

Completion Converted(const ServedChoice& choice, ServerConfig config = {}) {
  return ToCompletion(choice, config, Words(), {.max_new_tokens = 8, .stop_ids = {2}});
}

Json Answer(const std::string& choice) {
  return ParseJson(R"({"choices":[)" + choice + "]}", "test");
}

TEST(ParseAnswer, RefusesEverythingButWholeChoices) {
  const char* broken[] = {
      R"({"text":"a","index":0})",
      R"({"text":"a","index":1,"finish_reason":"stop"})",
      R"({"text":"a","index":-1,"finish_reason":"stop"})",
      R"({"text":"a","finish_reason":"stop"})",
      R"({"text":7,"index":0,"finish_reason":"stop"})",
      R"({"text":"a","index":0,"finish_reason":"abort"})",
      R"({"text":"a","index":0,"finish_reason":"stop","token_ids":[1.5]})",
      R"({"text":"a","index":0,"finish_reason":"stop","token_ids":[-1]})",
      R"({"text":"a","index":0,"finish_reason":"stop","token_ids":"4"})",
      R"({"text":"a","index":0,"finish_reason":"stop","logprobs":{"token_logprobs":["x"]}})",
      R"({"text":"a","index":0,"finish_reason":"stop","logprobs":{"token_logprobs":[0.5]}})",
      R"({"text":"a","index":0,"finish_reason":"stop","logprobs":{"content":[{"id":4}]}})",
      R"("a")",
      "null",
      "[]",
      ""};
  for (const char* choice : broken) {
    EXPECT_FALSE(MessageOf([&] { ParseAnswer(Answer(choice), 1); }).empty()) << choice;
  }
  for (const char* reply : {"null", "[]", "{}", "7", R"({"choices":{}})", R"({"choices":"no"})"}) {
    EXPECT_FALSE(MessageOf([&] { ParseAnswer(ParseJson(reply, "test"), 1); }).empty()) << reply;
  }
  const std::string whole = R"({"text":"a","index":0,"finish_reason":"stop"})";
  EXPECT_THAT(MessageOf([&] { ParseAnswer(Answer(whole), 2); }),
              HasSubstr("asked for 2 completions, got 1"));
  EXPECT_THAT(MessageOf([&] { ParseAnswer(Answer(whole + "," + whole), 2); }),
              HasSubstr("one index"));
  EXPECT_EQ(ParseAnswer(Answer(whole), 1).choices.at(0).text, "a");
}

TEST(ToCompletion, EndsInAStopIdWhereTheModelEndedItsText) {
  ServedChoice choice{.text = "a b", .ids = std::vector{4, 5}, .log_probs = {-1, -2}};
  EXPECT_EQ(Converted(choice).token_ids, (std::vector<int32_t>{4, 5, 2}));
  EXPECT_EQ(Converted(choice).log_probs, (std::vector<float>{-1, -2, 0}));
  EXPECT_EQ(Converted(choice).finish, FinishReason::kStopId);
  choice.ids = std::vector{4, 5, 0};  // another token that ends a text
  choice.log_probs = {-1, -2, -3};
  EXPECT_EQ(Converted(choice).token_ids, (std::vector<int32_t>{4, 5, 2}));
  choice.stop_text = true;
  EXPECT_EQ(Converted(choice).token_ids, (std::vector<int32_t>{4, 5, 0}));
  choice.length = true;
  EXPECT_EQ(Converted(choice).finish, FinishReason::kLength);
}

TEST(ToCompletion, LogProbabilitiesFollowTheServersTokens) {
  // llama.cpp's server leaves out tokens that end inside a character.
  const ServedChoice gap{.text = "a b c",
                         .ids = std::vector{4, 5, 6, 2},
                         .log_probs = {-1, -3, -4},
                         .log_prob_ids = {4, 6, 2}};
  EXPECT_EQ(Converted(gap).log_probs, (std::vector<float>{-1, 0, -3, -4}));
  // Encoded anew: each token takes its share of the sum.
  const ServedChoice text{.text = "a b", .log_probs = {-1, -2, -3}};
  EXPECT_EQ(Converted(text).log_probs, (std::vector<float>{-3, -3, 0}));
  const ServedChoice named{.text = "a b", .log_probs = {-1, -2}, .log_prob_ids = {4, 5}};
  EXPECT_EQ(Converted(named).log_probs, (std::vector<float>{-1, -2, 0}));
}

TEST(ToCompletion, MissingLogProbabilitiesAreRefusedUnlessTheConfigDoesWithout) {
  const ServedChoice silent{.text = "a", .ids = std::vector{4, 2}};
  EXPECT_THAT(MessageOf([&] { Converted(silent); }), HasSubstr("server.log_probs"));
  ServerConfig config;
  config.log_probs = false;
  EXPECT_EQ(Converted(silent, config).log_probs, (std::vector<float>{0, 0}));
}

TEST(ToCompletion, IdsOfAnotherTokenizerAreRefused) {
  EXPECT_THAT(
      MessageOf([] { Converted({.text = "x", .ids = std::vector{99}, .log_probs = {-1}}); }),
      HasSubstr("token 99"));
  EXPECT_THAT(MessageOf([] { Converted({.text = "b", .ids = std::vector{4}, .log_probs = {-1}}); }),
              HasSubstr("\"b\" is \"a\""));
}

TEST(PromptText, SpellsSpecialTokensOutAndLeavesBosToTheServer) {
  EXPECT_EQ(PromptText(Words(), std::vector<int32_t>{1, 4, 5}), "a b");
  EXPECT_EQ(PromptText(Words(), std::vector<int32_t>{4, 2, 5}), "a<eos>b");
}

TEST(ServerMessage, IsOneShortLineOfWhateverAServerSays) {
  EXPECT_EQ(ServerMessage(R"({"error":{"message":"no\nroom"}})"), "no room");
  EXPECT_EQ(ServerMessage(R"({"error":"out of memory"})"), "out of memory");
  EXPECT_EQ(ServerMessage(R"({"detail":"Not Found"})"), "Not Found");
  EXPECT_EQ(ServerMessage("<html>\r\n"), "<html>  ");
  EXPECT_LE(ServerMessage(std::string(100000, 'x')).size(), 303U);
}

TEST(BackoffLimit, DoublesUpToHalfAMinute) {
  EXPECT_EQ(BackoffLimit(0.5, 1), 0.5);
  EXPECT_EQ(BackoffLimit(0.5, 4), 4);
  EXPECT_EQ(BackoffLimit(0.5, 1000), 30);
}

std::string ConfigErrors(const std::string& yaml) {
  const auto document = ConfigDocument::Parse(yaml, "test.yaml", {});
  ServerConfig::FromConfig(document->Root());
  return MessageOf([&] { document->Finish(); }, ExitCode::kConfig);
}

TEST(ServerConfig, NamesWhatIsWrong) {
  EXPECT_THAT(ConfigErrors("{model: m, url: localhost}"), HasSubstr("url: expected http://"));
  EXPECT_THAT(ConfigErrors("{model: m, url: 'http://me:key@host/v1'}"), HasSubstr("no secrets"));
  EXPECT_THAT(ConfigErrors("{model: m, url: 'http://host/?key=1'}"), HasSubstr("no query"));
  EXPECT_THAT(ConfigErrors("{url: 'http://host'}"), HasSubstr("/v1/models"));
  EXPECT_THAT(ConfigErrors("{url: 'http://host', model: m, api_key: k}"),
              HasSubstr("unknown key \"api_key\""));
  EXPECT_THAT(ConfigErrors("{url: 'http://host', model: m, score: echo, log_probs: false}"),
              HasSubstr("echo needs log_probs"));
}

}  // namespace
}  // namespace retort
