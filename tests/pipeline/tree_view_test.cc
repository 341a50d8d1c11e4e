#include "pipeline/tree_view.h"

#include <gmock/gmock.h>

namespace retort {
namespace {

void AddTerminal(TraceTree& tree, const std::string& text, Verdict verdict) {
  Node& node = tree.nodes[static_cast<size_t>(tree.AddNode(0, {1}, text))];
  node.terminal = true;
  node.verdict = verdict;
}

TEST(TreeView, EqualTextsAreOneLineAndTheAnswerIsMarked) {
  TraceTree tree;
  tree.nodes.emplace_back();
  AddTerminal(tree, "m1 m2", Verdict::kIncorrect);
  AddTerminal(tree, "m1 m3", Verdict::kCorrect);
  AddTerminal(tree, "m1 m2", Verdict::kIncorrect);
  AddTerminal(tree, "m1 m3", Verdict::kCorrect);
  AddTerminal(tree, "m4", Verdict::kIncorrect);
  tree.selected = 4;
  EXPECT_THAT(DrawTree(tree, nullptr, {.unicode = false}),
              testing::EndsWith("|- m1  2/4\n"
                                "|  |- m2  0/2  [incorrect]  log p 0.00  (2 times)\n"
                                "|  `- m3  2/2  [correct]  log p 0.00  (2 times)  <- answer\n"
                                "`- m4  [incorrect]  log p 0.00\n"));
}

}  // namespace
}  // namespace retort
