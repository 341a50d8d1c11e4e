#include "generate/tally.h"

#include <string>

namespace retort {

void TraceTally::Add(const TraceTree& tree) {
  ++problems;
  if (tree.CountVerdict(Verdict::kCorrect) > 0) ++solved;
  for (const Node& node : tree.nodes) {
    if (node.terminal && node.verdict) ++verdicts[static_cast<size_t>(*node.verdict)];
  }
  counts += tree.counts;
}

TraceTally& TraceTally::operator+=(const TraceTally& other) {
  problems += other.problems;
  solved += other.solved;
  for (size_t i = 0; i < verdicts.size(); ++i) verdicts[i] += other.verdicts[i];
  counts += other.counts;
  return *this;
}

Json TraceTally::ToJson() const {
  Json by_name = Json::object();
  for (size_t i = 0; i < verdicts.size(); ++i) {
    by_name[std::string(VerdictName(static_cast<Verdict>(i)))] = verdicts[i];
  }
  return {{"problems", problems},
          {"solved", solved},
          {"verdicts", std::move(by_name)},
          {"counts",
           {{"prefill_computed", counts.prefill_computed},
            {"prefill_shared", counts.prefill_shared},
            {"decoded", counts.decoded},
            {"verifier_calls", counts.verifier_calls},
            {"flops", counts.flops}}}};
}

}  // namespace retort
