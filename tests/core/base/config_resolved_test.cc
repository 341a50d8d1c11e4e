#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/base/config.h"
#include "core/base/error.h"
#include "core/base/rng.h"

namespace retort {
namespace {

using testing::HasSubstr;
using testing::Not;

std::unique_ptr<ConfigDocument> Parse(const std::string& text) {
  return ConfigDocument::Parse(text, "x.yaml", {});
}

struct Everything {
  int64_t count = 3;
  double rate = 0.1;
  double unlimited = std::numeric_limits<double>::infinity();
  bool flag = true;
  std::string text = "plain";
  std::string mode = "";
  int from_one = 0;
  std::vector<std::string> texts = {"a"};
  std::vector<int64_t> ints = {};
  std::vector<double> floats = {0.25, 3, 1e-30};
};

void Read(ConfigSection section, Everything* e) {
  section.Int("count", &e->count);
  section.Float("rate", &e->rate);
  section.Float("unlimited", &e->unlimited);
  section.Bool("flag", &e->flag);
  section.String("text", &e->text);
  section.Choice("mode", &e->mode, {"fast", "slow"});
  section.Int("from_one", &e->from_one, {.min = 1});
  section.StringList("texts", &e->texts);
  section.IntList("ints", &e->ints);
  section.FloatList("floats", &e->floats);
}

// Reads everything there is, nested in every way.
void ReadAll(ConfigDocument& document, Everything defaults) {
  ConfigSection root = document.Root();
  const auto read = [&](ConfigSection section) {
    Everything e = defaults;
    Read(std::move(section), &e);
  };
  read(root);
  read(root.Section("section").Section("inner"));
  for (ConfigSection& item : root.List("list")) {
    read(item);
    for (ConfigSection& nested : item.List("nested")) read(nested);
  }
  for (auto& [name, section] : root.Named("named")) read(section);
  document.Finish();
}

void ExpectStable(const std::string& text, const Everything& defaults) {
  const auto first = Parse(text);
  ReadAll(*first, defaults);
  const std::string yaml = first->ResolvedYaml();
  const auto second = Parse(yaml);
  ASSERT_NO_THROW(ReadAll(*second, Everything{})) << yaml;
  EXPECT_EQ(second->ResolvedJson(), first->ResolvedJson()) << yaml;
  EXPECT_EQ(second->ResolvedYaml(), yaml);
}

TEST(ResolvedConfig, ReadsBackEqual) {
  ExpectStable("", {});
  ExpectStable(
      "count: 9\nlist: [{}, {text: x, nested: [{flag: false}, {}]}, {nested: []}]\n"
      "named: {\"odd name: #1\": {count: 1}, b: {}, '12': {}}\nsection:\n",
      {});
}

// Scalars that another type or the grammar would swallow without quotes.
const char* const kHardTexts[] = {"",
                                  " ",
                                  "12",
                                  "1e5",
                                  "1_000",
                                  "010",
                                  "0x1F",
                                  "true",
                                  "False",
                                  "null",
                                  "~",
                                  "yes",
                                  "No",
                                  "on",
                                  ".inf",
                                  "-.inf",
                                  ".nan",
                                  "a: b",
                                  "a #b",
                                  "#x",
                                  "- a",
                                  "-",
                                  "?",
                                  "[a]",
                                  "{a: b}",
                                  "*a",
                                  "&a",
                                  "!a",
                                  "|",
                                  ">",
                                  "%x",
                                  "@x",
                                  "`x",
                                  "'",
                                  "\"",
                                  "a'b\"c",
                                  "\\",
                                  "a\nb\n",
                                  "\t",
                                  "\r\n",
                                  "...",
                                  "---",
                                  " lead",
                                  "trail ",
                                  "\x01\x1f\x7f",
                                  "\u0085\u2028\ufeff",
                                  "\u00e9",
                                  "\U0001f600",
                                  "a/b.c-d_e",
                                  "C:\\x",
                                  "key=value",
                                  ",",
                                  "a,b",
                                  "2026-11-22",
                                  "12:30"};

std::vector<std::string> HardTexts() { return {std::begin(kHardTexts), std::end(kHardTexts)}; }

TEST(ResolvedConfig, HardTextsAreQuoted) {
  for (const std::string& text : HardTexts()) {
    Everything defaults;
    defaults.text = text;
    defaults.texts = {text, text};
    ExpectStable("", defaults);
    const auto document = Parse("");
    ConfigSection root = document->Root();
    root.String("text", &defaults.text);
    const auto again = Parse(document->ResolvedYaml());
    std::string read_back = "other";
    again->Root().String("text", &read_back);
    again->Finish();
    EXPECT_EQ(read_back, text) << document->ResolvedYaml();
  }
}

TEST(ResolvedConfig, RandomTextsAndNumbersReadBack) {
  Rng rng({1, 1});
  const std::vector<std::string> alphabet = {
      "a", "Z", "0", "9", " ", ":",      "#",      "-",    "'", "\"", "\\", "\n", "\t", "{",
      "[", ",", "&", "*", "!", "\u00fc", "\u20ac", "\x07", "_", ".",  "e",  "~",  "|",  "%"};
  for (int round = 0; round < 300; ++round) {
    Everything e;
    e.text.clear();
    const uint64_t length = rng.NextBelow(12);
    for (uint64_t i = 0; i < length; ++i) e.text += alphabet[rng.NextBelow(alphabet.size())];
    e.texts = {e.text, "x"};
    e.count = static_cast<int64_t>(rng.NextU64());
    e.rate = (rng.NextDouble() - 0.5) * std::pow(10.0, 300 * (rng.NextDouble() - 0.5));
    e.floats = {e.rate, 1 / e.rate, rng.NextNormal()};
    e.ints = {e.count, -1};
    ExpectStable("", e);
  }
}

// A default that the file could not hold (no value yet, no limit) is left out and comes back as
// the same default.
TEST(ResolvedConfig, DefaultsThatCannotBeWrittenAreLeftOut) {
  const auto document = Parse("");
  ReadAll(*document, {});
  const std::string yaml = document->ResolvedYaml();
  EXPECT_THAT(yaml, Not(HasSubstr("unlimited")));
  EXPECT_THAT(yaml, Not(HasSubstr("from_one")));
  EXPECT_THAT(yaml, Not(HasSubstr("mode")));
  EXPECT_FALSE(document->ResolvedJson().contains("unlimited"));
}

TEST(ResolvedConfig, LooksLikeAHandWrittenFile) {
  const auto document =
      Parse("name: run-1\nfilters: [{name: cap, n: 2}, {name: verified}]\ntrain: {s: {lr: 0.5}}");
  ConfigSection root = document->Root();
  std::string name;
  root.String("name", &name);
  int seed = 1;
  root.Int("seed", &seed);
  for (ConfigSection& filter : root.List("filters")) {
    filter.String("name", &name);
    int n = 1;
    if (filter.Has("n")) filter.Int("n", &n);
  }
  for (auto& [key, section] : root.Named("train")) {
    double lr = 0;
    section.Float("lr", &lr);
    std::vector<int64_t> sizes = {1, 4};
    section.IntList("sizes", &sizes);
    section.Section("init");
  }
  document->Finish();
  EXPECT_EQ(document->ResolvedYaml(), R"(name: run-1
seed: 1
filters:
  - name: cap
    n: 2
  - name: verified
train:
  s:
    lr: 0.5
    sizes: [1, 4]
    init: {}
)");
}

TEST(ResolvedConfig, SectionResolvesOnlyItself) {
  const auto document = Parse("a: {n: 2}\nb: 1\n");
  ConfigSection section = document->Root().Section("a");
  int n = 0;
  section.Int("n", &n);
  EXPECT_EQ(section.Resolved(), (Json{{"n", 2}}));
}

}  // namespace
}  // namespace retort
