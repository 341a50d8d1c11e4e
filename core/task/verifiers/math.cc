// Mathematical answers in TeX or plain notation.
//
// Same: equal values of expressions (core/task/verifiers/math_value.h says how that is decided);
// sets and bare lists in any order; tuples, intervals, ratios and matrices part by part, with their
// brackets; unions in any order; "x < 5" and its interval; equations up to a factor; "x = 5" and 5
// (but not y = 5); "a +- b" as the set of its two values; other words letter by letter.
// Units are dropped, unless both sides have one from a table and they measure differently (cm and
// m, dollars and cents). Percent signs: on both sides, compared as they stand; on the gold side
// alone, the answer may be the number or its hundredth; on the answer's side alone, its hundredth,
// or the number itself where the gold is above 1.
// Not the same: 0.33 and 1/3 (unless tolerance allows it), 3.14 and pi, 101_2 and 5, (1,2) and 1,2.
//
// What the grammar cannot read (repeating decimals, set builders, floors, integrals, f^{-1}) is
// only the same as the same text; towers of powers, factorials over 5000 and binomials of variables
// have no value here, so they too are only the same as the same text.
//
// The answer is what the text marks (FindAnswer). In a text without a mark: all of it, its last
// line, the last formula in it, what follows the last "is" or "=" in it, its last number. Of
// "a \approx b" only a counts.
#include <vector>

#include "core/base/strings.h"
#include "core/task/answer_verifier.h"
#include "core/task/verifiers/answer_text.h"
#include "core/task/verifiers/decimal.h"
#include "core/task/verifiers/math_compare.h"

namespace retort {
namespace {

constexpr auto kNpos = std::string_view::npos;

/// Without a sentence's punctuation and Markdown's emphasis around it.
std::string_view WithoutPunctuation(std::string_view text) {
  constexpr std::string_view kFront = "*`\"' \n\t\r";
  constexpr std::string_view kBack = "*`\"' \n\t\r.,;:?";
  while (!text.empty() && kFront.find(text.front()) != kNpos) text.remove_prefix(1);
  while (!text.empty() && kBack.find(text.back()) != kNpos) {
    if (text.ends_with("\\,") || text.ends_with("\\;")) text.remove_suffix(1);
    text.remove_suffix(1);
  }
  return text;
}

bool IsWords(const MathTree& tree) { return tree.at(tree.root).kind == MathKind::kWords; }

/// The last formula between dollar signs or \( \) or \[ \].
std::string_view LastFormula(std::string_view line) {
  const size_t close = line.rfind('$');
  if (close != kNpos && close > 0) {
    size_t open = line.rfind('$', close - 1);
    if (open != kNpos && open + 1 == close && open > 0) open = line.rfind('$', open - 1);
    if (open != kNpos) return line.substr(open + 1, close - open - 1);
  }
  for (const auto& [begin, end] : {std::pair{"\\(", "\\)"}, std::pair{"\\[", "\\]"}}) {
    const size_t last = line.rfind(end);
    const size_t first = last == kNpos ? kNpos : line.rfind(begin, last);
    if (first != kNpos) return line.substr(first + 2, last - first - 2);
  }
  return "";
}

std::string_view AfterLast(std::string_view line, std::string_view word) {
  const size_t at = line.rfind(word);
  return at == kNpos ? "" : line.substr(at + word.size());
}

/// A display formula's own marks: \[ x \], \( x \).
std::string_view WithoutDisplay(std::string_view text) {
  text = WithoutPunctuation(text);
  for (const auto& [begin, end] : {std::pair{"\\(", "\\)"}, std::pair{"\\[", "\\]"}}) {
    if (text.starts_with(begin) && text.ends_with(end) && text.find(begin, 2) == kNpos) {
      return WithoutPunctuation(text.substr(2, text.size() - 4));
    }
  }
  return text;
}

/// What stands before an approximate value.
std::string_view Exactly(std::string_view text) {
  for (const std::string_view sign : {"\\approx", "\\simeq", "\xe2\x89\x88"}) {
    text = text.substr(0, text.find(sign));
  }
  return text;
}

struct Answer {
  std::string plain;             // as it is written, runs of white space as one space
  std::string words;             // NormalizedText of it
  std::optional<MathTree> tree;  // nullopt if the grammar cannot read it
};

Answer Read(std::string_view text) {
  const std::string_view bare = WithoutDisplay(Exactly(text));
  std::string plain;
  for (const std::string_view word : SplitWords(bare)) plain += StrCat(word, " ");
  return {.plain = plain, .words = NormalizedText(text), .tree = ParseMath(bare)};
}

/// Where an unmarked text may say its answer, best place first.
std::vector<std::string_view> Places(std::string_view text) {
  const std::string_view line = LastLine(text);
  return {text, line, LastFormula(line), AfterLast(line, " is "), AfterLast(line, "=")};
}

/// nullopt if there is no answer in `found` that the grammar can read as mathematics.
std::optional<Answer> ReadUnmarked(std::string_view text) {
  for (const std::string_view place : Places(text)) {
    Answer answer = Read(place);
    if (answer.tree && !IsWords(*answer.tree)) return answer;
  }
  bool too_long = false;
  const std::vector<Decimal> numbers = FindDecimals(Exactly(LastLine(text)), &too_long);
  if (numbers.empty() || too_long) return std::nullopt;
  const Decimal& last = numbers.back();
  return Read(StrCat(last.negative ? "-" : "", last.numerator, "/", last.denominator,
                     last.percent ? "\\%" : ""));
}

class MathVerifier final : public AnswerVerifier {
 public:
  explicit MathVerifier(double tolerance) : tolerance_(tolerance) {}

  Verdict Compare(std::string_view gold, std::string_view text) const override {
    const std::optional<FoundAnswer> expected_text = FindAnswer(gold);
    if (!expected_text) return Verdict::kUnverified;
    const std::optional<FoundAnswer> given_text = FindAnswer(text);
    if (!given_text) return Verdict::kUnparsed;
    const Answer expected = Read(expected_text->text);
    const Answer given = Read(given_text->text);
    if (!expected.plain.empty() && given.plain == expected.plain) return Verdict::kCorrect;
    if (!expected.tree || IsWords(*expected.tree))
      return CompareWords(expected, given, *given_text);
    const bool readable = given.tree && !IsWords(*given.tree);
    const bool symbol = expected.tree->at(expected.tree->root).kind == MathKind::kVariable;
    if (symbol && !readable && given.words == expected.words) return Verdict::kCorrect;
    if (readable) return Judge(*expected.tree, *given.tree);
    if (given_text->marked) return Verdict::kUnparsed;
    const std::optional<Answer> elsewhere = ReadUnmarked(given_text->text);
    return elsewhere && elsewhere->tree ? Judge(*expected.tree, *elsewhere->tree)
                                        : Verdict::kUnparsed;
  }

  std::string Identity() const override {
    return StrCat("math/1 tolerance=", DoubleText(tolerance_));
  }

 private:
  Verdict Judge(const MathTree& gold, const MathTree& given) const {
    return SameMath(gold, given, tolerance_) ? Verdict::kCorrect : Verdict::kIncorrect;
  }

  /// A gold answer that is no mathematics: its words must be the answer, or the last line of it.
  static Verdict CompareWords(const Answer& expected, const Answer& given,
                              const FoundAnswer& text) {
    const bool same_symbol =
        expected.tree && given.tree && IsWords(*given.tree) &&
        given.tree->at(given.tree->root).text == expected.tree->at(expected.tree->root).text;
    if (expected.words.empty() && !expected.tree) return Verdict::kUnverified;
    const bool same = same_symbol || given.words == expected.words ||
                      (!text.marked && NormalizedText(LastLine(text.text)) == expected.words);
    return same ? Verdict::kCorrect : Verdict::kIncorrect;
  }

  double tolerance_;
};

}  // namespace

std::unique_ptr<AnswerVerifier> MakeMathVerifier(ConfigSection section) {
  double tolerance = 0;  // relative to the gold value
  section.Float("tolerance", &tolerance, {.min = 0, .max = 1});
  return std::make_unique<MathVerifier>(tolerance);
}

}  // namespace retort
