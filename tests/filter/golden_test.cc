#include <gtest/gtest.h>

#include <map>

#include "tests/filter/filter_fixture.h"
#include "tests/generate/golden_file.h"

namespace retort {
namespace {

class FilterGolden : public testing::FilterTest {
 protected:
  ProblemCandidates Mixed() {
    return Problem123({{"1 2 3", Verdict::kCorrect, -3},
                       {"6 0 0", Verdict::kCorrect, -1},
                       {"1 2 4", Verdict::kIncorrect, -2},
                       {"1 2 3", Verdict::kCorrect, -3},
                       {"6 0 0 1", Verdict::kUnparsed, -4},
                       {"0 6 0", Verdict::kCorrect, -2},
                       {"6 9 1", Verdict::kCorrect, -5},
                       {"1 1 1 1 1 1", Verdict::kTruncated, -6}});
  }

  /// Keys that make a filter drop some of the mixed candidates.
  const std::map<std::string, std::string> keys_ = {
      {"near_duplicate", ", max_shared_positions: 0.4"},
      {"cap", ", per_problem: 3"},
      {"pass_rate", ", max: 0.5"},
      {"length", ", max_tokens: 4"}};
};

TEST_F(FilterGolden, EveryFilterDecidesAsItAlwaysDid) {
  Json fates = Json::object();
  for (const std::string& name : FilterNames()) {
    ProblemCandidates problem = Mixed();
    const auto keys = keys_.find(name);
    Filter(StrCat("{name: ", name, keys == keys_.end() ? "" : keys->second, "}"))->Apply(problem);
    bool drops = false;
    for (const Candidate& candidate : problem.candidates) {
      fates[name].push_back(candidate.reason);
      drops = drops || !candidate.kept();
      EXPECT_EQ(ReasonKind(candidate.reason).find_first_of("0123456789"), std::string::npos)
          << name << " has a number in the kind of its reason: " << candidate.reason;
    }
    EXPECT_TRUE(drops) << "give " << name << " keys with which it drops something";
  }
  ExpectGoldens("filter/reasons.json", fates);
}

TEST_F(FilterGolden, EveryViewMakesTheExamplesItAlwaysMade) {
  Json examples = Json::object();
  for (const std::string& name : ViewNames()) {
    const auto document = testing::ParseConfig("name: " + name);
    const ProblemCandidates problem = Mixed();
    for (const Example& example : MakeView(document->Root())->MakeExamples(problem, *tokenizer_)) {
      examples[name].push_back({{"node", example.node},
                                {"prompt_ids", example.prompt_ids},
                                {"completion_ids", example.completion_ids},
                                {"weight", example.weight}});
    }
  }
  ExpectGoldens("filter/examples.json", examples);
}

}  // namespace
}  // namespace retort
