// Every way of getting an experiment file wrong and the exact lines that say so:
// tests/data/config/bad.txt.
#include <gtest/gtest.h>

#include <fstream>

#include "core/base/config.h"
#include "core/base/error.h"

namespace retort {
namespace {

struct BadConfig {
  std::string name;
  std::vector<std::string> overrides;
  std::string text;
  std::string expected;
};

// Cases are "=== name", any number of "--- override KEY=VALUE", the text, "--- expect", the lines.
std::vector<BadConfig> ReadCases() {
  std::ifstream file(RETORT_TEST_DATA "/config/bad.txt");
  std::vector<BadConfig> cases;
  bool in_expected = false;
  const std::string override_mark = "--- override ";
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("=== ")) {
      cases.push_back({.name = line.substr(4), .overrides = {}, .text = "", .expected = ""});
      in_expected = false;
    } else if (cases.empty()) {
      continue;
    } else if (line.starts_with(override_mark)) {
      cases.back().overrides.push_back(line.substr(override_mark.size()));
    } else if (line == "--- expect") {
      in_expected = true;
    } else if (in_expected) {
      std::string& expected = cases.back().expected;
      expected += (expected.empty() ? "" : "\n") + line;
    } else {
      cases.back().text += line + "\n";
    }
  }
  return cases;
}

void ReadSearch(ConfigSection section) {
  int shards = 1;
  section.Int("shards", &shards, {.min = 1, .max = 10000});
  ConfigSection strategy = section.Section("strategy");
  std::string name = "greedy";
  strategy.Choice("name", &name, {"greedy", "best_of_n", "random_play"});
  if (name != "best_of_n") return;
  int n = 16;
  double temperature = 1;
  strategy.Int("n", &n, {.min = 1});
  strategy.Float("temperature", &temperature, {.min = 0, .max = 10});
}

void ReadTraining(ConfigSection section) {
  std::string data;
  int64_t steps = 100;
  std::vector<double> betas = {0.9, 0.99};
  section.String("data", &data);
  if (data.empty()) section.Fail("data", "must name a dataset of the filter section");
  section.Int("steps", &steps, {.min = 1});
  section.FloatList("betas", &betas, {.min = 0, .max = 1});
  ConfigSection optimizer = section.Section("optimizer");
  double lr = 1e-3;
  double decay = 0;
  double clip = 1;
  bool fused = false;
  optimizer.Float("lr", &lr, {.min = 0, .exclusive_min = true});
  optimizer.Float("weight_decay", &decay, {.min = 0});
  optimizer.Float("dropout", &clip, {.min = 0, .max = 1, .exclusive_min = true});
  optimizer.Float("ceiling", &clip, {.max = 5});
  optimizer.Bool("fused", &fused);
}

void ReadExperiment(ConfigSection root) {
  std::string name = "run";
  int64_t seed = 1;
  std::vector<int64_t> sizes;
  std::vector<std::string> tags;
  root.String("name", &name);
  root.Int("seed", &seed, {.min = 0});
  root.IntList("sizes", &sizes, {.min = 1, .max = 64});
  root.StringList("tags", &tags);
  for (auto& [key, section] : root.Named("generate")) ReadSearch(section);
  for (auto& [key, section] : root.Named("train")) ReadTraining(section);
  for (ConfigSection& filter : root.List("filters")) {
    double max = 1;
    filter.Float("max", &max, {.min = 0, .max = 1});
  }
}

std::string Problems(const BadConfig& bad) {
  const auto document = ConfigDocument::Parse(bad.text, "exp.yaml", bad.overrides);
  ReadExperiment(document->Root());
  try {
    document->Finish();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ExitCode::kConfig);
    return e.what();
  }
  return "no problem found";
}

TEST(BadConfigs, EachIsRefusedInTheseWords) {
  const std::vector<BadConfig> cases = ReadCases();
  ASSERT_GE(cases.size(), 60);
  for (const BadConfig& bad : cases) {
    EXPECT_EQ(Problems(bad), bad.expected) << "case \"" << bad.name << "\"\n" << bad.text;
  }
}

}  // namespace
}  // namespace retort
