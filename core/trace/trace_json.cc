// JSON views of trees and examples, for export.
#include "core/trace/dataset.h"
#include "core/trace/trace_store.h"

namespace retort {
namespace {

Json NodeToJson(const TraceTree& tree, int32_t index) {
  const Node& node = tree.nodes[static_cast<size_t>(index)];
  return {{"parent", node.parent},
          {"order", node.order},
          {"text", tree.NodeText(index)},
          {"tokens", std::vector<int32_t>(tree.tokens.begin() + node.token_begin,
                                          tree.tokens.begin() + node.token_end)},
          {"log_prob", node.sum_log_prob},
          {"prior", node.prior},
          {"value", node.value},
          {"score", node.score},
          {"scorer", ScorerName(node.scorer)},
          {"visits", node.visits},
          {"terminal", node.terminal},
          {"verdict", node.verdict ? Json(VerdictName(*node.verdict)) : Json()}};
}

}  // namespace

Json TreeToJson(const TraceTree& tree) {
  Json nodes = Json::array();
  for (size_t i = 0; i < tree.nodes.size(); ++i) {
    nodes.push_back(NodeToJson(tree, static_cast<int32_t>(i)));
  }
  const TokenCounts& counts = tree.counts;
  return {{"problem_id", tree.problem_id},
          {"question", tree.question},
          {"answer", tree.answer},
          {"source", tree.source},
          {"split", tree.split},
          {"horizon", tree.horizon},
          {"algorithm", tree.algorithm},
          {"seed", tree.seed},
          {"prompt_ids", tree.prompt_ids},
          {"selected", tree.selected},
          {"counts",
           {{"prefill_computed", counts.prefill_computed},
            {"prefill_shared", counts.prefill_shared},
            {"decoded", counts.decoded},
            {"verifier_calls", counts.verifier_calls},
            {"flops", counts.flops}}},
          {"nodes", std::move(nodes)}};
}

Json ExampleToJson(const Example& example) {
  return {{"prompt_ids", example.prompt_ids},
          {"completion_ids", example.completion_ids},
          {"problem_id", example.problem_id},
          {"source", example.source},
          {"node", example.node},
          {"weight", example.weight}};
}

}  // namespace retort
