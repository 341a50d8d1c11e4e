#include "pipeline/tree_view.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <vector>

#include "core/base/strings.h"

namespace retort {
namespace {

/// A trie over the steps of all terminals.
struct Branch {
  std::vector<std::pair<std::string, std::unique_ptr<Branch>>> children;  // in order of first visit
  int terminals = 0;                                                      // that pass through here
  int correct = 0;
  std::vector<int32_t> ends;  // terminals that end here
};

Branch& ChildOf(Branch& branch, const std::string& step) {
  for (auto& [name, child] : branch.children) {
    if (name == step) return *child;
  }
  branch.children.emplace_back(step, std::make_unique<Branch>());
  return *branch.children.back().second;
}

std::vector<std::string> StepsOf(const std::string& text, const StepRule* rule) {
  std::vector<std::string> steps;
  if (rule == nullptr) {
    for (const std::string_view word : SplitWords(text)) steps.emplace_back(word);
    return steps;
  }
  size_t begin = 0;
  for (const size_t end : rule->StepEnds(text)) {
    std::string step = text.substr(begin, end - begin);
    while (!step.empty() && step.front() == ' ') step.erase(step.begin());
    while (!step.empty() && step.back() == ' ') step.pop_back();
    steps.push_back(std::move(step));
    begin = end;
  }
  return steps;
}

class Drawing {
 public:
  Drawing(const TraceTree& tree, const TreeViewOptions& options) : tree_(tree), options_(options) {}

  std::string Draw(const Branch& root) {
    Children(root, "");
    if (hidden_ > 0) text_ += StrCat("... ", hidden_, " more lines\n");
    return text_;
  }

 private:
  void Line(const std::string& line) {
    if (lines_ < options_.max_lines) {
      text_ += line + "\n";
      ++lines_;
    } else {
      ++hidden_;
    }
  }

  /// Of equal texts one stands for all: the answer if it is among them.
  std::string Ends(const Branch& branch) const {
    if (branch.ends.empty()) return "";
    const auto answer = std::find(branch.ends.begin(), branch.ends.end(), tree_.selected);
    const bool is_answer = answer != branch.ends.end();
    const int32_t shown = is_answer ? *answer : branch.ends.front();
    const Node& node = tree_.nodes[static_cast<size_t>(shown)];
    char numbers[64];
    std::snprintf(numbers, sizeof(numbers), "  log p %.2f", tree_.PathLogProb(shown));
    return StrCat("  [", node.verdict ? VerdictName(*node.verdict) : "open", "]", numbers,
                  branch.ends.size() > 1 ? StrCat("  (", branch.ends.size(), " times)") : "",
                  is_answer ? "  <- answer" : "");
  }

  void Children(const Branch& branch, const std::string& indent) {
    for (size_t i = 0; i < branch.children.size(); ++i) {
      const bool last = i + 1 == branch.children.size();
      std::string label = branch.children[i].first;
      const Branch* child = branch.children[i].second.get();
      // A run of single children is one line.
      while (child->children.size() == 1 && child->ends.empty()) {
        label += " " + child->children.front().first;
        child = child->children.front().second.get();
      }
      const char* elbow = options_.unicode ? (last ? "└─ " : "├─ ") : (last ? "`- " : "|- ");
      const std::string count =
          child->terminals > 1 ? StrCat("  ", child->correct, "/", child->terminals) : "";
      Line(StrCat(indent, elbow, label, count, Ends(*child)));
      Children(*child, indent + (last ? "   " : (options_.unicode ? "│  " : "|  ")));
    }
  }

  const TraceTree& tree_;
  const TreeViewOptions& options_;
  std::string text_;
  int lines_ = 0;
  int hidden_ = 0;
};

}  // namespace

std::string DrawTree(const TraceTree& tree, const StepRule* rule, const TreeViewOptions& options) {
  Branch root;
  for (size_t i = 0; i < tree.nodes.size(); ++i) {
    const Node& node = tree.nodes[i];
    if (!node.terminal) continue;
    const auto index = static_cast<int32_t>(i);
    const bool correct = node.verdict == Verdict::kCorrect;
    Branch* branch = &root;
    for (const std::string& step : StepsOf(tree.PathText(index), rule)) {
      branch = &ChildOf(*branch, step);
      ++branch->terminals;
      branch->correct += correct ? 1 : 0;
    }
    branch->ends.push_back(index);
  }
  return StrCat(tree.problem_id, "  ", tree.question, "\n", tree.algorithm, ": ",
                tree.nodes.size() - 1, " nodes, ", tree.CountVerdict(Verdict::kCorrect),
                " correct, ", tree.counts.decoded, " tokens decoded\n",
                Drawing(tree, options).Draw(root));
}

}  // namespace retort
