#include "generate/plan.h"

#include <algorithm>
#include <numeric>

#include "core/base/commit.h"
#include "core/base/error.h"

namespace retort {
namespace {

const std::string& IdOf(std::span<const Problem> problems, size_t index) {
  return problems[index].question.id;
}

std::vector<size_t> OrderById(std::span<const Problem> problems) {
  std::vector<size_t> order(problems.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, {}, [&](size_t i) -> const std::string& { return IdOf(problems, i); });
  const auto twin = std::ranges::adjacent_find(
      order, [&](size_t a, size_t b) { return IdOf(problems, a) == IdOf(problems, b); });
  if (twin != order.end()) {
    throw Error(ExitCode::kData, StrCat("generate: two problems have the id \"",
                                        IdOf(problems, *twin), "\" - give each its own id"));
  }
  return order;
}

Json PlanToJson(const std::string& stage_key, const ShardPlan& plan,
                std::span<const Problem> problems) {
  Json shards = Json::array();
  for (const auto& shard : plan.shards) {
    Json ids = Json::array();
    for (const size_t index : shard) ids.push_back(IdOf(problems, index));
    shards.push_back(std::move(ids));
  }
  return {{"schema_version", 1}, {"stage_key", stage_key}, {"shards", std::move(shards)}};
}

}  // namespace

ShardPlan PlanShards(std::span<const Problem> problems, int shards) {
  RETORT_CHECK(shards >= 1, "shards is ", shards);
  const std::vector<size_t> order = OrderById(problems);
  const size_t count = std::min(static_cast<size_t>(shards), order.size());
  ShardPlan plan;
  for (size_t k = 0; k < count; ++k) {
    const auto begin = order.begin() + static_cast<std::ptrdiff_t>(k * order.size() / count);
    const auto end = order.begin() + static_cast<std::ptrdiff_t>((k + 1) * order.size() / count);
    plan.shards.emplace_back(begin, end);
  }
  return plan;
}

void CommitPlan(Env& env, const std::string& stage_dir, const std::string& stage_key,
                const ShardPlan& plan, std::span<const Problem> problems) {
  const std::string path = JoinPath(stage_dir, "plan.json");
  const std::string text = DumpJson(PlanToJson(stage_key, plan, problems)) + "\n";
  if (!env.Exists(path)) {
    WriteFileAtomically(env, path, text);
  } else if (env.ReadFile(path) != text) {
    throw Error(ExitCode::kData,
                StrCat("generate: ", path, " was made for other problems or settings - remove ",
                       stage_dir, " or use another run folder"));
  }
}

}  // namespace retort
