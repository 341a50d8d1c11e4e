#include <gtest/gtest.h>

#include "core/trace/trace_store.h"
#include "tests/generate/golden_file.h"
#include "tests/generate/search_fixture.h"

namespace retort {
namespace {

class StrategyGolden : public testing::SearchTest {};

TEST_F(StrategyGolden, EveryStrategyGrowsTheTreeItAlwaysGrew) {
  const testing::FakeTask task(testing::Heuristic::kFirstTwoZero);
  const auto engine = RandomEngine();
  const SearchContext context{
      .task = task, .tokenizer = *tokenizer_, .engine = engine.get(), .seed = 11, .budget = {}};
  Json trees = Json::object();
  for (const std::string& name : StrategyNames()) {
    const std::string tries = name == "greedy" ? "" : ", n: 5";
    trees[name] =
        TreeToJson(Strategy(StrCat("{name: ", name, tries, "}"))->Search(question_, context));
  }
  testing::ExpectGoldens("generate/trees.json", trees);
}

}  // namespace
}  // namespace retort
