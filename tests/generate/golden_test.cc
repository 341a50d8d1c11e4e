#include <gtest/gtest.h>

#include <map>

#include "core/trace/trace_store.h"
#include "tests/generate/golden_file.h"
#include "tests/generate/search_fixture.h"

namespace retort {
namespace {

class StrategyGolden : public testing::SearchTest {
 protected:
  /// Keys that give a strategy several tries.
  const std::map<std::string, std::string> keys_ = {{"best_of_n", ", n: 5"},
                                                    {"random_play", ", n: 5"},
                                                    {"heuristic_play", ", n: 5"},
                                                    {"solver", ", n: 5"}};
};

TEST_F(StrategyGolden, EveryStrategyGrowsTheTreeItAlwaysGrew) {
  const testing::FakeTask task(testing::Heuristic::kFirstTwoZero);
  const auto engine = RandomEngine();
  const SearchContext context{
      .task = task, .tokenizer = *tokenizer_, .engine = engine.get(), .seed = 11, .budget = {}};
  Json trees = Json::object();
  for (const std::string& name : StrategyNames()) {
    const auto keys = keys_.find(name);
    const std::string yaml = StrCat("{name: ", name, keys == keys_.end() ? "" : keys->second, "}");
    trees[name] = TreeToJson(Strategy(yaml)->Search(question_, context));
  }
  ExpectGoldens("generate/trees.json", trees);
}

}  // namespace
}  // namespace retort
