#include "generate/plan.h"

#include <gtest/gtest.h>

#include "tests/generate/fake_task.h"

namespace retort {
namespace {

TEST(PlanShards, BlocksAscendByIdAndDifferByAtMostOne) {
  std::vector<Problem> problems = testing::DigitProblems(23);
  std::ranges::reverse(problems);
  const ShardPlan plan = PlanShards(problems, 4);
  ASSERT_EQ(plan.shards.size(), 4U);
  std::string last;
  size_t total = 0;
  for (const auto& shard : plan.shards) {
    EXPECT_GE(shard.size(), 5U);
    EXPECT_LE(shard.size(), 6U);
    total += shard.size();
    for (const size_t index : shard) {
      EXPECT_LT(last, problems[index].question.id);
      last = problems[index].question.id;
    }
  }
  EXPECT_EQ(total, 23U);
}

TEST(PlanShards, NoShardIsEmpty) {
  EXPECT_EQ(PlanShards(testing::DigitProblems(3), 8).shards.size(), 3U);
  EXPECT_TRUE(PlanShards({}, 8).shards.empty());
}

}  // namespace
}  // namespace retort
