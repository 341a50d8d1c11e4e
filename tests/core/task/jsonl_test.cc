#include <gtest/gtest.h>

#include <set>

#include "tests/core/task/task_fixture.h"

namespace retort {
namespace {

std::unique_ptr<Task> JsonlFromYaml(const std::string& keys) {
  return TaskFromYaml("name: jsonl\n" + keys);
}

Problem FromText(const Task& task, const std::string& text) {
  return task.FromJson(ParseJson(text, "test"));
}

const char* const kSolution =
    R"({"question":"A box holds 6 pens. How many do 3 boxes hold?","answer":"3*6 = <<3*6=18>>18\n#### 18"})";

TEST(Jsonl, ReadsEachKnownLayout) {
  const auto task = JsonlFromYaml("");
  const Verifier& verifier = task->GetVerifier();
  for (const char* text :
       {kSolution, R"({"ID":"s-1","Body":"A box holds 6 pens.","Question":"And 3?","Answer":18.0})",
        R"({"problem":"Three times six?","solution":"It is \\boxed{18}."})",
        R"({"problem":"Three times six?","answer":"18"})",
        R"({"prompt":"Three times six?","completion":"18"})",
        R"({"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"3*6?"},
            {"role":"assistant","content":"\\boxed{18}"}]})"}) {
    const Problem problem = FromText(*task, text);
    EXPECT_FALSE(problem.question.prompt.empty());
    EXPECT_EQ(verifier.Verify(problem, "The answer is 18."), Verdict::kCorrect) << text;
    EXPECT_EQ(verifier.Verify(problem, "The answer is 19."), Verdict::kIncorrect) << text;
    EXPECT_EQ(verifier.Verify(problem, "I do not know"), Verdict::kUnparsed) << text;
    EXPECT_EQ(verifier.Check(problem.question, "The answer is 18."), Verdict::kUnverified);
  }
  EXPECT_EQ(FromText(*task, R"({"ID":"s-1","Body":"Six pens.","Question":"And 3?","Answer":18})")
                .question,
            (Question{.id = "s-1", .prompt = "Six pens. And 3?\n", .horizon = 0}));
}

TEST(Jsonl, ReadsConfiguredFieldsAndGoldRules) {
  const auto own = JsonlFromYaml(
      "question_fields: [q]\nanswer_field: a\nid_field: key\ngold: marker\nmarker: \"=>\"\n"
      "verifier: {name: exact}\nprompt: \"Q: {question}\\nA:\"\nsteps: paragraph\n"
      "max_completion_tokens: 40\n");
  const Problem problem = FromText(*own, R"({"key":7,"q":" Sky? ","a":"Look up.\n=> Blue"})");
  EXPECT_EQ(problem.question.id, "7");
  EXPECT_EQ(problem.question.prompt, "Q: Sky?\nA:");
  EXPECT_EQ(own->MaxCompletionTokens(), 40);
  EXPECT_EQ(own->GetVerifier().Verify(problem, "Hm.\n=> blue\nbye"), Verdict::kCorrect);
  EXPECT_EQ(own->GetVerifier().Verify(problem, "=> red"), Verdict::kIncorrect);
  const auto boxed = JsonlFromYaml("gold: boxed\n");
  EXPECT_EQ(boxed->GetVerifier().Verify(
                FromText(*boxed, R"({"problem":"p","solution":"\\boxed{\\frac12}"})"), "0.5"),
            Verdict::kCorrect);
  const auto number = JsonlFromYaml("gold: number\nverifier: {name: numeric}\n");
  EXPECT_EQ(number->GetVerifier().Verify(FromText(*number, R"({"question":"p","answer":"1,080"})"),
                                         "$1080"),
            Verdict::kCorrect);
}

TEST(Jsonl, TheAnswerTextIsTheGoldTrace) {
  const auto task = JsonlFromYaml("");
  const Problem problem = FromText(*task, kSolution);
  const RngKey key;
  EXPECT_EQ(task->GoldTraces(problem, 3, key), std::vector{problem.answer});
  EXPECT_TRUE(task->GoldTraces(problem, 0, key).empty());
  EXPECT_EQ(problem.answer, "3*6 = <<3*6=18>>18\n#### 18");
  const auto plain = JsonlFromYaml("calculator_marks: false\n");
  EXPECT_EQ(FromText(*plain, kSolution).answer, "3*6 = 18\n#### 18");
  EXPECT_EQ(FromText(*plain, R"({"question":"q","answer":"2 <<3 #### 2"})").answer, "2 <<3 #### 2");
}

TEST(Jsonl, EveryBadRecordIsRefusedWithItsReason) {
  const auto task = JsonlFromYaml("");
  const std::vector<std::pair<std::string, std::string>> bad = {
      {"[]", "object"},
      {"{}", "question_fields"},
      {R"({"question":"q"})", "question_fields"},
      {R"({"question":"","answer":"1"})", "question is empty"},
      {R"({"question":"q","answer":"  "})", "answer is empty"},
      {R"({"question":"q","answer":null})", "null"},
      {R"({"question":["q"],"answer":"1"})", "array"},
      {R"({"question":"q","answer":"1","id":"a b"})", "white space"},
      {R"({"question":"q","answer":"1","id":""})", "white space"},
      {R"({"question":"q","answer":"work\n####"})", "no gold answer"},
      {R"({"question":"q","answer":"\\boxed{}"})", "no gold answer"},
      {R"({"messages":3})", "list"},
      {R"({"messages":[]})", "expected"},
      {R"({"messages":[{"role":"user","content":"q"}]})", "expected"},
      {R"({"messages":[{"role":"user"},{"role":"assistant","content":"1"}]})", "content"},
      {R"({"messages":[3,4]})", "role"},
      {R"({"messages":[{"role":"assistant","content":"1"},{"role":"user","content":"q"}]})",
       "expected"}};
  for (const auto& [text, reason] : bad) {
    const std::string message = ErrorOf([&] { FromText(*task, text); });
    EXPECT_NE(message.find(reason), std::string::npos) << text << " - " << message;
  }
  const auto choice = JsonlFromYaml("verifier: {name: choice}\n");
  const std::string unreadable =
      ErrorOf([&] { FromText(*choice, R"({"question":"q","answer":"none"})"); });
  EXPECT_NE(unreadable.find("task.verifier.name"), std::string::npos) << unreadable;
  const auto own = JsonlFromYaml("question_fields: [q]\nanswer_field: a\nid_field: key\n");
  EXPECT_NE(ErrorOf([&] { FromText(*own, R"({"q":"1","a":"2"})"); }).find("key"),
            std::string::npos);
  const auto number = JsonlFromYaml("gold: number\n");
  EXPECT_NE(ErrorOf([&] {
              FromText(*number, R"({"question":"q","answer":"1 or 2"})");
            }).find("task.gold: number"),
            std::string::npos);
}

TEST(Jsonl, ABrokenLineIsNamedOrSkipped) {
  const std::string path = WriteTestFile(
      "mixed.jsonl",
      StrCat(kSolution, "\n{\"question\":\"q\"}\n", R"({"question":"q2","answer":"4"})", "\n"));
  const auto refuse = JsonlFromYaml(StrCat("file: ", path, "\n"));
  const std::string message = ErrorOf([&] { refuse->MakeSplits({{"all", {.share = 1}}}, 1); });
  EXPECT_NE(message.find(StrCat(path, ":2")), std::string::npos) << message;
  EXPECT_NE(message.find("on_error: skip"), std::string::npos) << message;
  const auto skip = JsonlFromYaml(StrCat("file: ", path, "\non_error: skip\n"));
  EXPECT_EQ(skip->MakeSplits({{"all", {.share = 1}}}, 1).at(0).size(), 2u);
}

TEST(Jsonl, SplitsOfOneFileShareNoQuestion) {
  std::string text;
  for (int i = 0; i < 60; ++i) {
    for (const char* ending : {"?", " ?", "", "?  "}) {
      const Json record = {
          {"question", StrCat(ending[0] == ' ' ? "WHAT" : "What", "  is ", i, ending)},
          {"answer", StrCat(i)},
          {"id", StrCat(i, "-", text.size())}};
      text += DumpJson(record) + "\n";
    }
  }
  const auto task = JsonlFromYaml(StrCat("file: ", WriteTestFile("many.jsonl", text), "\n"));
  const auto made = task->MakeSplits({{"train", {.share = 0.5}}, {"test", {.share = 0.5}}}, 3);
  EXPECT_EQ(made[0].size() + made[1].size(), 240u);
  std::set<std::string> train;
  for (const Problem& problem : made[0]) train.insert(task->CanonicalKey(problem.question));
  EXPECT_FALSE(made[0].empty());
  EXPECT_FALSE(made[1].empty());
  for (const Problem& problem : made[1]) {
    EXPECT_FALSE(train.contains(task->CanonicalKey(problem.question))) << problem.question.prompt;
  }
  EXPECT_EQ(task->Facts().problems, 240);
  EXPECT_EQ(task->Facts().canonical_classes, 60);
}

TEST(Jsonl, AShareNeedsAFile) {
  const std::string message = ErrorOf([] {
    JsonlFromYaml("")->MakeSplits({{"train", {.share = 1}}}, 1);
  });
  EXPECT_NE(message.find("task.file"), std::string::npos) << message;
  EXPECT_NE(message.find("problems.train"), std::string::npos) << message;
}

class FewShot : public testing::Test {
 protected:
  std::string Line(int i) const {
    return StrCat(R"({"question":"What is )", i, R"( plus 1?","answer":")", i + 1, "\"}\n");
  }
  std::string path_ = WriteTestFile("shots.jsonl", Line(1) + Line(2) + Line(3) + Line(4));
};

TEST_F(FewShot, ExamplesLeadEveryPromptAndAreInNoSplit) {
  const auto task = JsonlFromYaml(StrCat("file: ", path_, "\nfew_shot: {count: 2, file: ", path_,
                                         "}\nprompt: \"{question}\\n\"\n"));
  for (const SplitConfig& split : {SplitConfig{.share = 1}, SplitConfig{.file = path_}}) {
    const auto made = task->MakeSplits({{"all", split}}, 1).at(0);
    EXPECT_EQ(made.size(), 2u);
    for (const Problem& problem : made) {
      EXPECT_TRUE(problem.question.prompt.starts_with(
          "What is 1 plus 1?\n2\n\nWhat is 2 plus 1?\n3\n\nWhat is "));
      EXPECT_EQ(task->FromJson(task->ToJson(problem)).question, problem.question);
    }
  }
  EXPECT_EQ(task->Facts().problems, 2);
}

TEST_F(FewShot, ChangesTheIdentity) {
  const std::string one = StrCat("few_shot: {count: 1, file: ", path_, "}\n");
  EXPECT_NE(JsonlFromYaml("")->Identity(), JsonlFromYaml(one)->Identity());
}

TEST_F(FewShot, BadExamplesAreConfigErrors) {
  const std::string broken = WriteTestFile("broken.jsonl", "{\n");
  const std::vector<std::pair<std::string, std::string>> bad = {
      {"few_shot: {count: 1}\n", "few_shot"},
      {StrCat("few_shot: {count: 9, file: ", path_, "}\n"), "9"},
      {StrCat("few_shot: {count: 1, file: ", broken, "}\n"), ":1"},
      {"few_shot: {count: 1, file: nowhere.jsonl}\n", "nowhere.jsonl"},
      {StrCat("few_shot: {count: 1, example: \"{question}\", file: ", path_, "}\n"), "{answer}"},
      {"few_shot: {count: 65}\n", "count"},
      {"prompt: \"no place\"\n", "{question}"},
      {"prompt: \"{question}{question}\"\n", "{question}"},
      {"question_fields: [q]\n", "answer_field"},
      {"answer_field: a\n", "question_fields"},
      {"gold: last\n", "marker"},
      {"marker: \"\"\n", "marker"},
      {"steps: word\n", "paragraph"},
      {"max_completion_tokens: 0\n", "max_completion_tokens"},
      {"on_error: ignore\n", "refuse"},
      {"verifier: {name: maths}\n", "math"},
      {"verifier: {tolerance: -1}\n", "tolerance"},
      {"fiel: x\n", "file"}};
  for (const auto& [keys, named] : bad) {
    const std::string message = ErrorOf([&, text = keys] { JsonlFromYaml(text); });
    EXPECT_NE(message.find(named), std::string::npos) << keys << " - " << message;
  }
}

TEST(Jsonl, AForeignPromptHasNoCanonicalKey) {
  const auto task = JsonlFromYaml("prompt: \"Q: {question}\"\n");
  const std::string message = ErrorOf([&] { task->CanonicalKey({.id = "x", .prompt = "other"}); });
  EXPECT_NE(message.find("task.prompt"), std::string::npos) << message;
}

TEST(StepRules, CutLinesParagraphsOrNothing) {
  const std::string text = "a\nb\n\nc";
  using Ends = std::vector<size_t>;
  EXPECT_EQ(JsonlFromYaml("steps: line\n")->GetStepRule().StepEnds(text), (Ends{2, 5, 6}));
  EXPECT_EQ(JsonlFromYaml("steps: paragraph\n")->GetStepRule().StepEnds(text), (Ends{5, 6}));
  EXPECT_EQ(JsonlFromYaml("steps: none\n")->GetStepRule().StepEnds(text), (Ends{6}));
  EXPECT_EQ(JsonlFromYaml("")->GetStepRule().StepEnds("\n\n"), (Ends{2}));
}

struct PublicFile {
  const char* path;
  const char* verifier;
  size_t problems;
};

class PublicData : public testing::TestWithParam<PublicFile> {};

// Files beside the repository, not in it: skipped where they are absent.
TEST_P(PublicData, EveryAnswerVerifiesAgainstItself) {
  const std::string path = StrCat(RETORT_SOURCE_DIR, "/../shared/data/", GetParam().path);
  if (!RealEnv().Exists(path)) GTEST_SKIP() << path << " is not here";
  const auto task = JsonlFromYaml(StrCat("verifier: {name: ", GetParam().verifier, "}\n"));
  const auto problems = task->MakeSplits({{"all", {.file = path}}}, 1).at(0);
  EXPECT_EQ(problems.size(), GetParam().problems);
  for (size_t i = 0; i < problems.size(); ++i) {
    EXPECT_EQ(task->GetVerifier().Verify(problems[i], problems[i].answer), Verdict::kCorrect)
        << problems[i].answer;
  }
}

INSTANTIATE_TEST_SUITE_P(All, PublicData,
                         testing::Values(PublicFile{"gsm8k/test.jsonl", "numeric", 1319},
                                         PublicFile{"gsm8k/test.jsonl", "math", 1319},
                                         PublicFile{"gsm8k/train.jsonl", "numeric", 7473},
                                         PublicFile{"svamp/SVAMP.json", "numeric", 1000},
                                         PublicFile{"svamp/SVAMP.json", "math", 1000}));

}  // namespace
}  // namespace retort
