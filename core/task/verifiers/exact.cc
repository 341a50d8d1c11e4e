// Equal texts, once both are normalised (NormalizedText) and the answer is found (FindAnswer).
#include "core/task/answer_verifier.h"
#include "core/task/verifiers/answer_text.h"

namespace retort {
namespace {

class ExactVerifier final : public AnswerVerifier {
 public:
  Verdict Compare(std::string_view gold, std::string_view text) const override {
    const std::string expected = Answer(gold);
    if (expected.empty()) return Verdict::kUnverified;
    const std::string given = Answer(text);
    if (given.empty()) return Verdict::kUnparsed;
    return given == expected ? Verdict::kCorrect : Verdict::kIncorrect;
  }

  std::string Identity() const override { return "exact/1"; }

 private:
  static std::string Answer(std::string_view text) {
    const std::optional<FoundAnswer> found = FindAnswer(text);
    return found ? NormalizedText(found->text) : "";
  }
};

}  // namespace

std::unique_ptr<AnswerVerifier> MakeExactVerifier(ConfigSection /*section*/) {
  return std::make_unique<ExactVerifier>();
}

}  // namespace retort
