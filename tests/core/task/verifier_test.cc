// Every answer verifier: its labelled pairs, and that its work is bounded on any bytes.
#include <gtest/gtest.h>

#include <chrono>
#include <iostream>

#include "core/task/answer_verifier.h"
#include "core/task/verifier_audit.h"
#include "tests/core/task/task_fixture.h"

namespace retort {
namespace {

constexpr size_t kMegabyte = size_t{1} << 20;

std::vector<AnswerPair> ShippedPairs(const std::string& name) {
  return ReadAnswerPairs(RealEnv(), StrCat(RETORT_TEST_DATA, "/verifiers/", name, ".jsonl"));
}

std::unique_ptr<AnswerVerifier> VerifierFromYaml(const std::string& yaml) {
  const auto document = ConfigDocument::Parse(yaml, "test.yaml", {});
  std::unique_ptr<AnswerVerifier> verifier = MakeAnswerVerifier(document->Root());
  document->Finish();
  return verifier;
}

std::string Repeated(const std::string& part, size_t size) {
  std::string text;
  while (text.size() < size) text += part;
  return text;
}

class VerifierConformance : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    std::string yaml = StrCat("name: ", GetParam(), "\n");
    if (GetParam() == "command") {
      yaml += StrCat("argv: [python3, ", RETORT_TEST_DATA, "/verifiers/countdown_checker.py]\n");
    }
    try {
      verifier_ = VerifierFromYaml(yaml);
    } catch (const Error& error) {
      if (error.code() != ExitCode::kUnavailable) throw;
      GTEST_SKIP() << error.what();
    }
  }
  /// Whether each comparison starts or asks a program: then fewer of them.
  bool RunsPrograms() const { return GetParam() == "code" || GetParam() == "command"; }

  std::unique_ptr<AnswerVerifier> verifier_;
};

INSTANTIATE_TEST_SUITE_P(AllVerifiers, VerifierConformance,
                         testing::ValuesIn(AnswerVerifierNames()),
                         [](const auto& name) { return name.param; });

TEST_P(VerifierConformance, IsNeverWrongOnItsLabelledPairs) {
  const VerifierAudit audit = AuditVerifier(*verifier_, ShippedPairs(GetParam()));
  std::cout << GetParam() << ": " << audit.Summary() << "\n";
  for (const AuditMistake& mistake : audit.mistakes) {
    ADD_FAILURE() << "line " << mistake.pair.line << ": " << VerdictName(mistake.verdict)
                  << " - gold " << mistake.pair.gold << " text " << mistake.pair.text;
  }
  EXPECT_EQ(audit.false_positives, 0);
  EXPECT_EQ(audit.false_negatives, 0);
  EXPECT_GE(audit.accept, RunsPrograms() ? 30 : 90);
  EXPECT_GE(audit.refuse, RunsPrograms() ? 50 : 90);
}

TEST_P(VerifierConformance, NamesItself) {
  EXPECT_EQ(verifier_->Identity().rfind(GetParam() + "/", 0), 0u);
}

TEST_P(VerifierConformance, AnEmptyAnswerEqualsNothing) {
  for (const AnswerPair& pair : ShippedPairs(GetParam())) {
    for (const char* text : {"", "  \n", "\\boxed{}", "<think>5", "\\boxed{5"}) {
      EXPECT_EQ(verifier_->Compare(pair.gold, text), Verdict::kUnparsed) << pair.gold << text;
    }
    break;
  }
  EXPECT_EQ(verifier_->Compare("", "5"), Verdict::kUnverified);
}

TEST_P(VerifierConformance, ReturnsOnAnyBytes) {
  Rng rng = Rng::Derive({uint64_t{7}, std::string_view("verifier bytes")});
  const std::string gold = ShippedPairs(GetParam()).front().gold;
  const std::string alphabet = "0123456789+-*/^_=<>(){}[]|!%&,.;:\\ abxei$frcsqt";
  for (int repeat = 0; repeat < (RunsPrograms() ? 10 : 3000); ++repeat) {
    std::string text(rng.NextBelow(80), '\0');
    for (char& c : text) {
      c = repeat % 2 == 0 ? static_cast<char>(rng.NextU32())
                          : alphabet[rng.NextBelow(alphabet.size())];
    }
    const Verdict verdict = verifier_->Compare(gold, text);
    EXPECT_TRUE(verdict == Verdict::kCorrect || verdict == Verdict::kIncorrect ||
                verdict == Verdict::kUnparsed);
    verifier_->Compare(text, gold);
    verifier_->Compare(text, text);
  }
}

TEST_P(VerifierConformance, BoundsItsWorkOnHostileTexts) {
  const std::string gold = ShippedPairs(GetParam()).front().gold;
  size_t number = 0;
  for (const std::string part : {"(",
                                 "{",
                                 "\\frac{",
                                 "\\sqrt{",
                                 "\\boxed{",
                                 "[",
                                 "\\{",
                                 "|",
                                 "-",
                                 "9",
                                 "1,",
                                 "1+",
                                 "x^",
                                 "9^",
                                 "9!",
                                 "\\text{",
                                 "<think>",
                                 "</think>",
                                 "<answer>",
                                 "#### ",
                                 "answer is ",
                                 "$",
                                 "\\",
                                 "<<",
                                 "\\binom{9}",
                                 "2^{",
                                 "999!*",
                                 "x*",
                                 "1/",
                                 "\xe2\x88\x9a",
                                 "\xff",
                                 "\n",
                                 " ",
                                 "a ",
                                 "x^{1000000000000}",
                                 "\\pm 1,",
                                 "1 \\cup ",
                                 "\\begin{pmatrix}",
                                 "(E) or "}) {
    if (RunsPrograms() && ++number % 8 != 1) continue;
    const std::string answer = Repeated(part, 4000);
    const auto start = std::chrono::steady_clock::now();
    EXPECT_NE(verifier_->Compare(gold, Repeated(part, kMegabyte)), Verdict::kCorrect) << part;
    EXPECT_NE(verifier_->Compare(gold, answer), Verdict::kCorrect) << part;
    verifier_->Compare(gold, StrCat("\\boxed{", answer, "}"));
    verifier_->Compare(answer, answer);
    verifier_->Compare(answer, answer + "1");
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    // A fence against runaway work, a hundred times what a quiet machine needs.
    EXPECT_LT(elapsed.count(), 30) << part;
  }
}

TEST(MathVerifier, TowersAreNotEvaluated) {
  const auto math = DefaultAnswerVerifier("math");
  for (const char* tower : {"10^{10^{10}}", "10^10^10", "9^{9^{9^{9}}}", "(10^{10})!", "9!!!!",
                            "2^{2^{2^{2^{2^{2}}}}}", "\\binom{10^{18}}{10^{17}}"}) {
    EXPECT_EQ(math->Compare(tower, tower), Verdict::kCorrect) << tower;
    EXPECT_NE(math->Compare(tower, "1"), Verdict::kCorrect) << tower;
    EXPECT_NE(math->Compare("1", StrCat("\\frac{1}{", tower, "}")), Verdict::kCorrect) << tower;
  }
}

TEST(MathVerifier, DepthItemsAndLengthHaveLimits) {
  const auto math = DefaultAnswerVerifier("math");
  const auto nested = [](size_t depth) {
    return StrCat(Repeated("(", depth), "5", Repeated(")", depth));
  };
  EXPECT_EQ(math->Compare("5", nested(10)), Verdict::kCorrect);
  EXPECT_EQ(math->Compare("5", StrCat("\\boxed{", nested(500), "}")), Verdict::kUnparsed);
  std::string many = "0";
  std::string reversed = "0";
  for (int i = 1; i < 40; ++i) {
    many += StrCat(", ", i);
    reversed.insert(0, StrCat(i, ", "));
  }
  EXPECT_EQ(math->Compare(many, many), Verdict::kCorrect);
  EXPECT_EQ(math->Compare(many, reversed), Verdict::kIncorrect);
  EXPECT_EQ(math->Compare("5", StrCat("\\boxed{", std::string(5000, '5'), "}")),
            Verdict::kUnparsed);
}

TEST(MathVerifier, ToleranceIsRelativeAndLeavesVariablesExact) {
  const auto loose = VerifierFromYaml("name: math\ntolerance: 0.02\n");
  EXPECT_EQ(loose->Compare("\\frac{1}{3}", "0.33"), Verdict::kCorrect);
  EXPECT_EQ(loose->Compare("\\pi", "3.14"), Verdict::kCorrect);
  EXPECT_EQ(loose->Compare("\\frac{1}{3}", "0.35"), Verdict::kIncorrect);
  EXPECT_EQ(loose->Compare("100x", "101x"), Verdict::kIncorrect);
  EXPECT_NE(loose->Identity(), DefaultAnswerVerifier("math")->Identity());
}

TEST(NumericVerifier, ToleranceIsRelative) {
  const auto loose = VerifierFromYaml("name: numeric\ntolerance: 0.01\n");
  EXPECT_EQ(loose->Compare("1000", "1009"), Verdict::kCorrect);
  EXPECT_EQ(loose->Compare("1000", "1011"), Verdict::kIncorrect);
  EXPECT_EQ(loose->Compare("0", "0.001"), Verdict::kIncorrect);
}

TEST(NumericVerifier, TooManyDigitsAreNoNumber) {
  const auto numeric = DefaultAnswerVerifier("numeric");
  EXPECT_EQ(numeric->Compare("5", std::string(300, '5')), Verdict::kUnparsed);
  EXPECT_EQ(numeric->Compare("5", "5e999999999999"), Verdict::kUnparsed);
  EXPECT_EQ(numeric->Compare(std::string(150, '7'), std::string(150, '7')), Verdict::kCorrect);
}

TEST(AnswerVerifiers, ConfigErrorsAreNamed) {
  EXPECT_NE(ErrorOf([] { VerifierFromYaml("name: maths\n"); }).find("math"), std::string::npos);
  EXPECT_NE(ErrorOf([] { VerifierFromYaml("name: math\ntolerance: 2\n"); }).find("tolerance"),
            std::string::npos);
  EXPECT_NE(ErrorOf([] { VerifierFromYaml("name: exact\ntolerance: 0.1\n"); }).find("tolerance"),
            std::string::npos);
  const std::string unknown = ErrorOf([] { DefaultAnswerVerifier("maths"); });
  EXPECT_NE(unknown.find("numeric"), std::string::npos) << unknown;
}

TEST(VerifierAudit, CountsMistakesOfBothKinds) {
  const auto exact = DefaultAnswerVerifier("exact");
  const std::vector<AnswerPair> pairs = {{"a", "a", true}, {"a", "b", false}, {"a", "a", false},
                                         {"a", "b", true}, {"a", "c", true},  {"", "a", false},
                                         {"a", "a", true}};
  const VerifierAudit audit = AuditVerifier(*exact, pairs);
  EXPECT_EQ(audit.accept, 4);
  EXPECT_EQ(audit.refuse, 3);
  EXPECT_EQ(audit.false_positives, 1);
  EXPECT_EQ(audit.false_negatives, 2);
  EXPECT_EQ(audit.unreadable_gold, 1);
  EXPECT_DOUBLE_EQ(audit.FalseNegativeRate(), 0.5);
  EXPECT_DOUBLE_EQ(audit.FalsePositiveRate(), 1.0 / 3);
  EXPECT_EQ(audit.mistakes.size(), 3u);
  EXPECT_NE(audit.Summary().find("1 false positives"), std::string::npos);
}

TEST(VerifierAudit, RefusesOtherRecords) {
  for (const char* line :
       {"3", "{}", R"({"gold":"a","text":"b"})", "{", R"({"gold":"a","text":"b","accept":1})",
        R"({"gold":"a","text":"b","accept":true,"more":1})"}) {
    const std::string path = WriteTestFile("pairs.jsonl", StrCat("\n", line, "\n"));
    const std::string message = ErrorOf([&] { ReadAnswerPairs(RealEnv(), path); });
    EXPECT_NE(message.find(StrCat(path, ":2")), std::string::npos) << message;
  }
  const std::string empty = WriteTestFile("empty.jsonl", "");
  EXPECT_NE(ErrorOf([&] { ReadAnswerPairs(RealEnv(), empty); }).find(empty), std::string::npos);
}

}  // namespace
}  // namespace retort
