// One number against one number, exactly, or within a relative tolerance.
//
// An answer that the text marks (FindAnswer) must hold one number, or end in "= number"; two
// different ones are no answer. An unmarked text answers with its last number. Percent signs: both
// or neither, compared as they stand; on the gold side alone, the answer may be the number or its
// hundredth; on the answer's side alone, its hundredth, or the number itself where the gold is
// above 1 (files often keep percentages as plain numbers).
#include <cmath>

#include "core/base/strings.h"
#include "core/task/answer_verifier.h"
#include "core/task/verifiers/answer_text.h"
#include "core/task/verifiers/decimal.h"

namespace retort {
namespace {

std::optional<Decimal> AnswerNumber(std::string_view text) {
  const std::optional<FoundAnswer> found = FindAnswer(text);
  if (!found) return std::nullopt;
  std::string_view answer = found->text;
  const size_t equals = answer.rfind('=');
  if (equals != std::string_view::npos) answer.remove_prefix(equals + 1);
  bool too_long = false;
  const std::vector<Decimal> numbers = FindDecimals(answer, &too_long);
  if (numbers.empty() || too_long) return std::nullopt;
  if (found->marked) {
    for (const Decimal& number : numbers) {
      if (!SameDigits(number, numbers.front())) return std::nullopt;
    }
  }
  return numbers.back();
}

class NumericVerifier final : public AnswerVerifier {
 public:
  explicit NumericVerifier(double tolerance) : tolerance_(tolerance) {}

  Verdict Compare(std::string_view gold, std::string_view text) const override {
    const std::optional<Decimal> expected = AnswerNumber(gold);
    if (!expected) return Verdict::kUnverified;
    const std::optional<Decimal> given = AnswerNumber(text);
    if (!given) return Verdict::kUnparsed;
    return SameValue(*expected, *given) ? Verdict::kCorrect : Verdict::kIncorrect;
  }

  std::string Identity() const override {
    return StrCat("numeric/1 tolerance=", DoubleText(tolerance_));
  }

 private:
  bool SameValue(const Decimal& gold, const Decimal& given) const {
    if (gold.percent == given.percent) return Near(gold, given);
    if (gold.percent) return Near(gold, given) || Near(Hundredth(gold), given);
    return Near(gold, Hundredth(given)) || (std::abs(ToDouble(gold)) > 1 && Near(gold, given));
  }

  bool Near(const Decimal& gold, const Decimal& given) const {
    if (SameDigits(gold, given)) return true;
    const double expected = ToDouble(gold);
    return tolerance_ > 0 &&
           std::abs(ToDouble(given) - expected) <= tolerance_ * std::abs(expected);
  }

  double tolerance_;
};

}  // namespace

std::unique_ptr<AnswerVerifier> MakeNumericVerifier(ConfigSection section) {
  double tolerance = 0;  // relative to the gold number
  section.Float("tolerance", &tolerance, {.min = 0, .max = 1});
  return std::make_unique<NumericVerifier>(tolerance);
}

}  // namespace retort
