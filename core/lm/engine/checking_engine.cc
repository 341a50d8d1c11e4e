#include <cmath>

#include "core/base/error.h"
#include "core/lm/engine/engine.h"

namespace retort {
namespace {

class CheckingEngine final : public Engine {
 public:
  CheckingEngine(Engine& inner, Engine& reference, double tolerance)
      : inner_(inner), reference_(reference), tolerance_(tolerance) {}

  std::vector<Completion> Generate(std::span<const GenerateRequest> requests) override {
    std::vector<Completion> answers = inner_.Generate(requests);
    const std::vector<Completion> expected = reference_.Generate(requests);
    for (size_t row = 0; row < answers.size(); ++row) {
      CompareIds(row, answers[row].token_ids, expected[row].token_ids);
      CompareLogProbs(row, answers[row].log_probs, expected[row].log_probs);
    }
    return answers;
  }

  std::vector<ScoreResult> Score(std::span<const ScoreRequest> requests) override {
    std::vector<ScoreResult> answers = inner_.Score(requests);
    const std::vector<ScoreResult> expected = reference_.Score(requests);
    for (size_t row = 0; row < answers.size(); ++row) {
      CompareLogProbs(row, answers[row].log_probs, expected[row].log_probs);
    }
    return answers;
  }

  const EngineInfo& Info() const override { return inner_.Info(); }
  EngineStats Stats() const override { return inner_.Stats(); }

 private:
  [[noreturn]] void Differ(const std::string& what) const {
    throw Error(ExitCode::kInternal,
                StrCat("engines differ: ", what, " (", inner_.Info().description, " against ",
                       reference_.Info().description, ")"));
  }

  void CompareIds(size_t row, const std::vector<int32_t>& ids,
                  const std::vector<int32_t>& expected) const {
    for (size_t i = 0; i < ids.size() && i < expected.size(); ++i) {
      if (ids[i] == expected[i]) continue;
      Differ(StrCat("row ", row, " token ", i, " is ", ids[i], " instead of ", expected[i]));
    }
    if (ids.size() != expected.size()) {
      Differ(StrCat("row ", row, " has ", ids.size(), " tokens instead of ", expected.size()));
    }
  }

  void CompareLogProbs(size_t row, const std::vector<float>& values,
                       const std::vector<float>& expected) const {
    if (values.size() != expected.size()) {
      Differ(StrCat("row ", row, " has ", values.size(), " log-probabilities instead of ",
                    expected.size()));
    }
    for (size_t i = 0; i < values.size(); ++i) {
      const double difference = static_cast<double>(values[i]) - static_cast<double>(expected[i]);
      if (std::abs(difference) <= tolerance_) continue;
      Differ(StrCat("row ", row, " token ", i, " has log-probability ", values[i], " instead of ",
                    expected[i]));
    }
  }

  Engine& inner_;
  Engine& reference_;
  const double tolerance_;
};

}  // namespace

std::unique_ptr<Engine> MakeCheckingEngine(Engine& inner, Engine& reference, double tolerance) {
  return std::make_unique<CheckingEngine>(inner, reference, tolerance);
}

}  // namespace retort
