#include "core/base/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"

namespace retort {
namespace {

using testing::HasSubstr;

std::string ParseFailure(const std::string& text) {
  try {
    ParseJson(text, "file.json");
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ExitCode::kData);
    return e.what();
  }
  return "parsed";
}

TEST(Json, ReadsNestedValues) {
  const Json value = ParseJson(R"({"a": [1, 2.5, {"b": null}], "c": "ü"})", "here");
  EXPECT_EQ(value["a"][2]["b"], nullptr);
  EXPECT_EQ(value["c"], "ü");
}

TEST(Json, SameKeyInSiblingsIsAllowed) {
  EXPECT_EQ(ParseJson(R"([{"a": 1}, {"a": {"a": 2}}])", "here").size(), 2);
}

TEST(Json, RefusalsNameFileAndReason) {
  EXPECT_THAT(ParseFailure(R"({"a": 1, "a": 2})"), HasSubstr("file.json: invalid JSON"));
  EXPECT_THAT(ParseFailure(R"({"a": 1, "a": 2})"), HasSubstr("duplicate key \"a\""));
  EXPECT_THAT(ParseFailure(R"({"x": {"a": 1, "b": {}, "a": 2}})"), HasSubstr("duplicate key"));
  EXPECT_THAT(ParseFailure("[1, 2] x"), HasSubstr("at byte 8"));
  EXPECT_THAT(ParseFailure("[1, 2"), HasSubstr("at byte 6"));
  EXPECT_THAT(ParseFailure(""), HasSubstr("at byte 1"));
  EXPECT_THAT(ParseFailure("\"\xff\""), HasSubstr("invalid JSON"));
  EXPECT_THAT(ParseFailure("1e999"), HasSubstr("invalid JSON"));
}

TEST(Json, DepthIsLimited) {
  const auto nested = [](size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_NO_THROW(ParseJson(nested(64), "here"));
  EXPECT_THAT(ParseFailure(nested(65)), HasSubstr("nested deeper than 64"));
  EXPECT_THAT(ParseFailure(std::string(1000000, '[')), HasSubstr("nested deeper than 64"));
}

TEST(Json, DumpIsCanonicalAndSurvivesBadUtf8) {
  EXPECT_EQ(DumpJson(ParseJson(R"({"b": 1, "a": 2})", "x")), R"({"a":2,"b":1})");
  EXPECT_EQ(DumpJson(Json("a\xff"
                          "b")),
            "\"a\xef\xbf\xbd"
            "b\"");
  EXPECT_EQ(DumpJsonPretty({{"a", 1}}), "{\n  \"a\": 1\n}\n");
}

}  // namespace
}  // namespace retort
