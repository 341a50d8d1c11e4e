#include "core/task/step_rules.h"

#include "core/base/error.h"

namespace retort {
namespace {

/// Cuts behind every run of at least `least` line breaks; the rest of the text is a step too.
class LineBreakRule final : public StepRule {
 public:
  explicit LineBreakRule(size_t least) : least_(least) {}

  std::vector<size_t> StepEnds(std::string_view text) const override {
    std::vector<size_t> ends;
    for (size_t at = text.find('\n'); at != std::string_view::npos;) {
      const size_t after = std::min(text.find_first_not_of('\n', at), text.size());
      if (after - at >= least_) ends.push_back(after);
      at = text.find('\n', after);
    }
    if (!text.empty() && (ends.empty() || ends.back() < text.size())) ends.push_back(text.size());
    return ends;
  }

 private:
  size_t least_;
};

class WholeTextRule final : public StepRule {
 public:
  std::vector<size_t> StepEnds(std::string_view text) const override {
    return text.empty() ? std::vector<size_t>() : std::vector<size_t>{text.size()};
  }
};

}  // namespace

std::vector<std::string> StepRuleNames() { return {"line", "paragraph", "none"}; }

std::unique_ptr<StepRule> MakeStepRule(const std::string& name) {
  if (name == "none") return std::make_unique<WholeTextRule>();
  RETORT_CHECK(name == "line" || name == "paragraph", "step rule ", name);
  return std::make_unique<LineBreakRule>(name == "line" ? 1 : 2);
}

}  // namespace retort
