// Two answers, cut at the first NUL: the parser and the comparison of the verifier `math`.
#include "core/task/answer_verifier.h"
#include "tests/fuzz/fuzzing.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace retort;
  static const auto math = DefaultAnswerVerifier("math");
  static const auto numeric = DefaultAnswerVerifier("numeric");
  static const auto choice = DefaultAnswerVerifier("choice");
  const std::string_view bytes = FuzzText(data, size);
  const size_t end = std::min(bytes.find('\0'), size);
  const std::string_view gold = bytes.substr(0, end);
  const std::string_view text = end < size ? bytes.substr(end + 1) : gold;
  for (const auto* verifier : {math.get(), numeric.get(), choice.get()}) {
    const Verdict verdict = verifier->Compare(gold, text);
    Expect(verdict == Verdict::kCorrect || verdict == Verdict::kIncorrect ||
           verdict == Verdict::kUnparsed || verdict == Verdict::kUnverified);
    Expect(verifier->Compare(gold, text) == verdict);
    verifier->AnswerKey(text);
  }
  return 0;
}
