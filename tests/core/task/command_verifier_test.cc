// The verifier that asks a program: its protocol, and that no failure of it is a negative label.
#include <gtest/gtest.h>

#include <array>
#include <thread>

#include "core/task/answer_verifier.h"
#include "tests/core/task/task_fixture.h"

namespace retort {
namespace {

/// Asks a shell script; its text may use no single quote.
std::unique_ptr<AnswerVerifier> Script(const std::string& script, const std::string& keys = "") {
  const std::string yaml = StrCat("name: command\nargv: [sh, -c, '", script, "']\n", keys);
  const auto document = ConfigDocument::Parse(yaml, "test.yaml", {});
  std::unique_ptr<AnswerVerifier> verifier = MakeAnswerVerifier(document->Root());
  document->Finish();
  return verifier;
}

/// Numbers its answers as they must be, the verdict being $1 of the script.
std::string Says(const std::string& verdict) {
  return StrCat(R"(n=0; while read -r line; do n=$((n+1)); echo "{\"request\":$n,\"verdict\":\")",
                verdict, R"(\"}"; done)");
}

TEST(CommandVerifier, TheProgramsVerdictIsTheVerdict) {
  const std::pair<const char*, Verdict> verdicts[] = {{"correct", Verdict::kCorrect},
                                                      {"incorrect", Verdict::kIncorrect},
                                                      {"unparsed", Verdict::kUnparsed},
                                                      {"unverified", Verdict::kUnverified}};
  for (const auto& [name, verdict] : verdicts) {
    const auto verifier = Script(Says(name));
    for (int repeat = 0; repeat < 3; ++repeat) EXPECT_EQ(verifier->Compare("g", "t"), verdict);
  }
}

TEST(CommandVerifier, ItSeesQuestionTextAndGold) {
  const std::string seen = WriteTestFile("seen.jsonl", "");
  const auto verifier = Script(StrCat("read -r line; printf \"%s\\n\" \"$line\" > ", seen,
                                      R"(; echo "{\"request\":1,\"verdict\":\"correct\"}"; cat)"));
  EXPECT_EQ(verifier->Judge({.id = "p7", .prompt = "2+2?"}, "4", "it is\n4"), Verdict::kCorrect);
  const Json item = ParseJson(RealEnv().ReadFile(seen), seen);
  EXPECT_EQ(item, Json({{"request", 1},
                        {"id", "p7"},
                        {"question", "2+2?"},
                        {"gold", "4"},
                        {"text", "it is\n4"}}));
}

TEST(CommandVerifier, NoFailureIsANegativeLabelAndTheNextItemIsAskedAgain) {
  const std::string once = WriteTestFile("once", "");
  const std::string first_fails = StrCat("if test -e ", once, "; then rm ", once, "; ");
  for (const std::string& failure :
       {std::string("exit 1"), std::string("read -r line; echo nonsense"),
        std::string(R"(read -r line; echo "{\"request\":2,\"verdict\":\"incorrect\"}")"),
        std::string(R"(read -r line; echo "{\"request\":1,\"verdict\":\"wrong\"}")"),
        std::string(R"(read -r line; echo "{\"request\":1,\"verdict\":\"pruned\"}")"),
        std::string(R"(read -r line; echo "{\"request\":1}")"), std::string("yes | tr -d \"\\n\""),
        std::string("sleep 1000")}) {
    WriteTestFile("once", "");
    const auto verifier =
        Script(StrCat("if test -e ", once, "; then ", failure, "; exit; fi; ", Says("incorrect")),
               "seconds: 0.5\n");
    RealEnv().NewFile(once)->Close();
    EXPECT_EQ(verifier->Compare("g", "t"), Verdict::kUnverified) << failure;
    RealEnv().Remove(once);
    EXPECT_EQ(verifier->Compare("g", "t"), Verdict::kIncorrect) << failure;
  }
}

TEST(CommandVerifier, ManyThreadsShareItsWorkers) {
  const auto verifier = Script(Says("correct"), "concurrency: 3\n");
  std::array<Verdict, 12> verdicts{};
  {
    std::vector<std::jthread> threads;
    for (Verdict& verdict : verdicts) {
      threads.emplace_back([&] {
        verdict = Verdict::kCorrect;
        for (int repeat = 0; repeat < 20; ++repeat) {
          if (verifier->Compare("g", "t") != Verdict::kCorrect) verdict = Verdict::kUnverified;
        }
      });
    }
  }
  for (const Verdict verdict : verdicts) EXPECT_EQ(verdict, Verdict::kCorrect);
}

TEST(CommandVerifier, ItsFilesAreItsIdentity) {
  const std::string script = WriteTestFile("check.sh", "cat");
  const auto identity = [&](const std::string& yaml) {
    const auto document = ConfigDocument::Parse("name: command\n" + yaml, "test.yaml", {});
    const auto verifier = MakeAnswerVerifier(document->Root());
    document->Finish();
    return verifier->Identity();
  };
  const std::string argv = StrCat("argv: [sh, ", script, "]\n");
  const std::string before = identity(argv);
  EXPECT_EQ(identity(argv), before);
  EXPECT_EQ(identity(argv + "concurrency: 2\n"), before);
  EXPECT_NE(identity(argv + "seconds: 2\n"), before);
  EXPECT_NE(identity(argv + StrCat("files: [", script, "]\n")), before);
  WriteTestFile("check.sh", "cat -");
  EXPECT_NE(identity(argv), before);
}

TEST(CommandVerifier, WithoutGoldAQuestionCanBeChecked) {
  const std::string keys =
      StrCat("gold: none\nverifier: {name: command, needs_gold: false, argv: ", "[sh, -c, '",
             Says("correct"), "']}\n");
  const auto task = TaskFromYaml("name: jsonl\n" + keys);
  const Problem problem = task->FromJson(ParseJson(R"({"question": "2+2?"})", "test"));
  EXPECT_EQ(problem.answer, "");
  EXPECT_TRUE(task->GetVerifier().CanCheck());
  EXPECT_EQ(task->GetVerifier().Check(problem.question, "4"), Verdict::kCorrect);
  EXPECT_EQ(task->GetVerifier().Verify(problem, "4"), Verdict::kCorrect);
  EXPECT_TRUE(task->GoldTraces(problem, 1, {}).empty());
  EXPECT_EQ(task->FromJson(task->ToJson(problem)).question, problem.question);
}

TEST(CommandVerifier, ConfigErrorsAreNamed) {
  const std::pair<const char*, const char*> bad[] = {
      {"verifier: {name: command}\n", "argv"},
      {"verifier: {name: command, argv: [no-such-program]}\n", "no-such-program"},
      {"verifier: {name: command, argv: [cat], files: [nowhere.py]}\n", "nowhere.py"},
      {"verifier: {name: command, argv: [cat], concurrency: 0}\n", "concurrency"},
      {"gold: none\n", "needs_gold"},
      {"gold: tests\nanswer_field: a\n", "answer_field"}};
  for (const auto& [keys, named] : bad) {
    const std::string message =
        ErrorOf([&, text = StrCat("name: jsonl\n", keys)] { TaskFromYaml(text); });
    EXPECT_NE(message.find(named), std::string::npos) << keys << " - " << message;
  }
}

}  // namespace
}  // namespace retort
