#include "core/base/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/base/error.h"

namespace retort {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

using Document = std::unique_ptr<ConfigDocument>;

Document Parse(const std::string& text, const std::vector<std::string>& overrides = {}) {
  return ConfigDocument::Parse(text, "x.yaml", overrides);
}

std::string FinishFailure(ConfigDocument& document) {
  try {
    document.Finish();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ExitCode::kConfig);
    return e.what();
  }
  return "no error";
}

TEST(Config, ReadsEveryKindOfValue) {
  const Document document = Parse(R"(
a: -12
big: 1_000_000
b: 1e-4
whole: 3
yes: true
text: some words here
quoted: "12"
ints: [1, 2, -3]
floats: [0.5, 1, 2e3]
texts: [a, 'b c', "\u00e9"]
choice: cosine
)");
  ConfigSection root = document->Root();
  int a = 0;
  int64_t big = 0;
  double b = 0;
  double whole = 0;
  bool yes = false;
  std::string text, quoted, choice;
  std::vector<int64_t> ints;
  std::vector<double> floats;
  std::vector<std::string> texts;
  root.Int("a", &a);
  root.Int("big", &big);
  root.Float("b", &b);
  root.Float("whole", &whole);
  root.Bool("yes", &yes);
  root.String("text", &text);
  root.String("quoted", &quoted);
  root.IntList("ints", &ints);
  root.FloatList("floats", &floats);
  root.StringList("texts", &texts);
  root.Choice("choice", &choice, {"constant", "cosine"});
  document->Finish();
  EXPECT_EQ(a, -12);
  EXPECT_EQ(big, 1000000);
  EXPECT_EQ(b, 1e-4);
  EXPECT_EQ(whole, 3);
  EXPECT_TRUE(yes);
  EXPECT_EQ(text, "some words here");
  EXPECT_EQ(quoted, "12");
  EXPECT_THAT(ints, ElementsAre(1, 2, -3));
  EXPECT_THAT(floats, ElementsAre(0.5, 1, 2000));
  EXPECT_THAT(texts, ElementsAre("a", "b c", "\u00e9"));
  EXPECT_EQ(choice, "cosine");
}

TEST(Config, AbsentKeysKeepTheirDefaults) {
  const Document document = Parse("");
  ConfigSection section = document->Root().Section("train").Section("optimizer");
  int steps = 7;
  double lr = 0.5;
  section.Int("steps", &steps);
  section.Float("lr", &lr);
  EXPECT_TRUE(section.List("items").empty());
  EXPECT_TRUE(section.Named("named").empty());
  EXPECT_FALSE(section.Has("steps"));
  document->Finish();
  EXPECT_EQ(steps, 7);
  EXPECT_EQ(lr, 0.5);
  EXPECT_EQ(section.path(), "train.optimizer");
}

TEST(Config, NumberGrammarIsStrict) {
  const auto reads = [](const std::string& value) {
    const Document document = Parse("v: " + value);
    double v = NAN;
    document->Root().Float("v", &v);
    return FinishFailure(*document) == "no error" && std::isfinite(v);
  };
  for (const char* good : {"0", "-0", "+1", "1_0", "1_000_000", "0.5", "10.25", "1e5", "1E-5",
                           "1.5e+10", "-2.5e-3", "1_0.0_1", "1e05"}) {
    EXPECT_TRUE(reads(good)) << good;
  }
  for (const char* bad :
       {"010",      "00",    "-01",    "0x1F",  "0b1",   "0o7",  "1__0",  "_1",   "1_",  "1.",
        ".5",       "1e",    "1e+",    "e5",    "1e5.5", ".inf", "-.inf", ".nan", "inf", "nan",
        "Infinity", "1e400", "-1e400", "1 000", "1,000", "1f",   "--1",   "+-1",  "'1'", "\"1\"",
        "1_.5",     "1._5",  "12:30",  "true",  "~",     "[1]",  "{}"}) {
    EXPECT_FALSE(reads(bad)) << bad;
  }
}

TEST(Config, IntegersAreNotRounded) {
  for (const char* bad : {"1.0", "1e3", "9223372036854775808", "-9223372036854775809"}) {
    const Document document = Parse(StrCat("v: ", bad));
    int64_t v = 0;
    document->Root().Int("v", &v);
    EXPECT_THAT(FinishFailure(*document), HasSubstr("expected an integer")) << bad;
  }
  const Document document = Parse("a: 9223372036854775807\nb: -9223372036854775808");
  int64_t a = 0;
  int64_t b = 0;
  document->Root().Int("a", &a);
  document->Root().Int("b", &b);
  document->Finish();
  EXPECT_EQ(a, std::numeric_limits<int64_t>::max());
  EXPECT_EQ(b, std::numeric_limits<int64_t>::min());
}

TEST(Config, ListsAndNamedMappingsComeInFileOrder) {
  const Document document = Parse(R"(
generate: {zeta: {n: 1}, alpha: {n: 2}}
filters:
  - name: verified
  - {name: cap, n: 3}
)");
  ConfigSection root = document->Root();
  std::vector<std::string> seen;
  for (auto& [name, section] : root.Named("generate")) {
    int n = 0;
    section.Int("n", &n);
    seen.push_back(StrCat(section.path(), "=", n));
  }
  for (ConfigSection& section : root.List("filters")) {
    std::string name;
    int n = 0;
    section.String("name", &name);
    section.Int("n", &n);
    seen.push_back(StrCat(section.path(), "=", name, n));
  }
  document->Finish();
  EXPECT_THAT(seen, ElementsAre("generate.zeta=1", "generate.alpha=2", "filters.0=verified0",
                                "filters.1=cap3"));
}

TEST(Config, EmptySectionsReadAsEmpty) {
  const Document document = Parse("a:\nb:\nc:\n");
  ConfigSection root = document->Root();
  int n = 4;
  root.Section("a").Int("n", &n);
  EXPECT_TRUE(root.Has("b"));
  EXPECT_TRUE(root.List("b").empty());
  EXPECT_TRUE(root.Named("c").empty());
  document->Finish();
  EXPECT_EQ(n, 4);
}

TEST(Config, EveryProblemIsReportedInFileOrder) {
  const Document document = Parse("z: 1\nb: {lr: x, lr: 2}\na: no\n", {"c=5x", "q=1"});
  ConfigSection root = document->Root();
  bool a = false;
  int c = 0;
  double lr = 0;
  root.Int("c", &c);
  root.Bool("a", &a);
  root.Section("b").Float("lr", &lr);
  root.Fail("a", "is out of fashion");
  EXPECT_EQ(FinishFailure(*document),
            "x.yaml:1:1: z: unknown key \"z\" - known here: a, b, c\n"
            "x.yaml:2:5: b.lr: expected a number, got \"x\"\n"
            "x.yaml:2:12: b.lr: duplicate key \"lr\" (first on line 2)\n"
            "x.yaml:3:1: a: expected true or false, got \"no\"\n"
            "x.yaml:3:1: a: is out of fashion\n"
            "c: expected an integer, got \"5x\" (override c=5x)\n"
            "q: unknown key \"q\" - known here: a, b, c (override q=1)");
  EXPECT_EQ(FinishFailure(*document), FinishFailure(*document));
}

TEST(Config, SyntaxErrorsSilenceWhatWouldFollowFromThem) {
  const Document document = Parse("a: 1\nb: [1, 2\nc: 3\n");
  document->Root().Fail("a", "must be given");
  EXPECT_THAT(FinishFailure(*document), HasSubstr("x.yaml:3:"));
  EXPECT_THAT(FinishFailure(*document), HasSubstr("broken YAML"));
  EXPECT_THAT(FinishFailure(*document), Not(HasSubstr("must be given")));
}

// A wrong `name` leaves the plug-in's own keys unread: they are not called unknown.
TEST(Config, KeysOfAnUnknownPluginAreNotJudged) {
  const std::string text = "strategy: {name: best_of_m, n: 64}\nbad: 1\n";
  for (const bool by_choice : {true, false}) {
    const Document document = Parse(text);
    ConfigSection strategy = document->Root().Section("strategy");
    std::string name;
    if (by_choice) {
      strategy.Choice("name", &name, {"greedy", "best_of_n"});
    } else {
      strategy.String("name", &name);
      strategy.Fail("name", "unknown strategy");
    }
    const std::string failure = FinishFailure(*document);
    EXPECT_THAT(failure, Not(HasSubstr("\"n\"")));
    EXPECT_THAT(failure, HasSubstr("\"bad\""));
  }
}

TEST(Config, RepeatedReadsReportOnce) {
  const Document document = Parse("a: {n: x}");
  for (int i = 0; i < 2; ++i) {
    int n = 0;
    document->Root().Section("a").Int("n", &n);
  }
  EXPECT_EQ(FinishFailure(*document), "x.yaml:1:5: a.n: expected an integer, got \"x\"");
}

TEST(Overrides, SetAddMergeAndIndex) {
  const Document document =
      Parse("train: {lr: 0.1, steps: 5}\nfilters: [{max: 1}, {max: 2}]\nempty:\n",
            {"train.lr=1e-3", "train.init.std=0.5", "filters.1.max=9", "tags=[a, b]",
             "train={steps: 6}", "empty.n=4", "text=a=b", "deep={a: {b: 7}}", "train.lr=2"});
  ConfigSection root = document->Root();
  ConfigSection train = root.Section("train");
  double lr = 0;
  double std_value = 0;
  int steps = 0;
  int n = 0;
  int b = 0;
  std::string text;
  std::vector<std::string> tags;
  train.Float("lr", &lr);
  train.Int("steps", &steps);
  train.Section("init").Float("std", &std_value);
  root.StringList("tags", &tags);
  root.Section("empty").Int("n", &n);
  root.String("text", &text);
  root.Section("deep").Section("a").Int("b", &b);
  std::vector<int> max(2);
  std::vector<ConfigSection> filters = root.List("filters");
  filters[0].Int("max", &max[0]);
  filters[1].Int("max", &max[1]);
  document->Finish();
  EXPECT_EQ(lr, 2);
  EXPECT_EQ(steps, 6);
  EXPECT_EQ(std_value, 0.5);
  EXPECT_THAT(max, ElementsAre(1, 9));
  EXPECT_THAT(tags, ElementsAre("a", "b"));
  EXPECT_EQ(n, 4);
  EXPECT_EQ(text, "a=b");
  EXPECT_EQ(b, 7);
}

TEST(Overrides, WorkOnAnEmptyFile) {
  const Document document = Parse("# nothing\n", {"a.b=1"});
  int b = 0;
  document->Root().Section("a").Int("b", &b);
  document->Finish();
  EXPECT_EQ(b, 1);
}

TEST(Limits, BytesThatAreNoText) {
  EXPECT_EQ(FinishFailure(*Parse(std::string("a: 1\nb: \0", 9))),
            "x.yaml:2:4: the NUL character is not allowed");
  EXPECT_EQ(FinishFailure(*Parse("a: 1\nb: \xff")), "x.yaml:2:4: the text is not valid UTF-8");
  EXPECT_EQ(FinishFailure(*Parse("\xc0\xaf: 1")), "x.yaml:1:1: the text is not valid UTF-8");
  EXPECT_EQ(FinishFailure(*Parse("\xed\xa0\x80: 1")), "x.yaml:1:1: the text is not valid UTF-8");
  EXPECT_EQ(FinishFailure(*Parse(std::string("\xff\xfe"
                                             "a\0",
                                             4))),
            "x.yaml:1:4: the NUL character is not allowed");
  EXPECT_EQ(FinishFailure(*Parse("\xe2\x82")), "x.yaml:1:1: the text is not valid UTF-8");
}

TEST(Limits, SizeDepthAndCount) {
  EXPECT_THAT(FinishFailure(*Parse("# " + std::string(1 << 20, 'x'))),
              HasSubstr("x.yaml: the file has 1,048,578 bytes, at most 1 MiB is read"));
  EXPECT_THAT(FinishFailure(*Parse("a: " + std::string(64, '[') + std::string(64, ']'))),
              HasSubstr("nested deeper than 64 levels"));
  EXPECT_THAT(FinishFailure(*Parse("a: " + std::string(63, '[') + std::string(63, ']'))),
              HasSubstr("unknown key"));
  EXPECT_THAT(FinishFailure(*Parse(std::string(100000, '['))), HasSubstr("nested deeper"));
  std::string many = "a: [";
  for (int i = 0; i < 10000; ++i) many += "1,";
  EXPECT_THAT(FinishFailure(*Parse(many + "]")), HasSubstr("more than 10,000 values"));
}

TEST(Limits, ByteOrderMarkIsAccepted) {
  const Document document = Parse(
      "\xef\xbb\xbf"
      "a: 1\n");
  int a = 0;
  document->Root().Int("a", &a);
  document->Finish();
  EXPECT_EQ(a, 1);
}

}  // namespace
}  // namespace retort
