#include "core/task/verifiers/code_tests.h"

#include "tests/core/task/task_fixture.h"

namespace retort {
namespace {

CodeTests Read(const std::string& json) { return CodeTestsOf(ParseJson(json, "test")); }

TEST(CodeTests, TheShapesOfDataSetsAreRead) {
  const CodeTests mbpp = Read(
      R"({"text":"Double.","code":"def d(x): return 2*x","task_id":3,"test_setup_code":"import os",
          "test_list":["assert d(1)==2","assert d(0)==0"],"challenge_test_list":[]})");
  EXPECT_EQ(mbpp, (CodeTests{.setup = "import os",
                             .tests = {"assert d(1)==2", "assert d(0)==0"},
                             .solution = "def d(x): return 2*x"}));
  const CodeTests human = Read(
      R"({"task_id":"HumanEval/0","prompt":"def d(x):\n","canonical_solution":"    return 2*x\n",
          "entry_point":"d","test":"def check(candidate):\n    assert candidate(1)==2\n"})");
  EXPECT_EQ(human.prefix, "def d(x):\n");
  EXPECT_EQ(human.solution, "def d(x):\n    return 2*x\n");
  EXPECT_TRUE(human.tests.at(0).ends_with("\ncheck(d)\n"));
  const CodeTests apps =
      Read(R"({"input_output":"{\"inputs\": [\"1\\n\"], \"outputs\": [\"2\\n\"]}"})");
  EXPECT_EQ(apps.cases, (decltype(apps.cases){{"1\n", "2\n"}}));
  EXPECT_EQ(Read(R"({"tests":[{"input":"1\n","output":"2\n"}]})"), apps);
  EXPECT_EQ(Read(R"({"tests":"assert d(1)==2"})").tests.size(), 1u);
}

TEST(CodeTests, SurviveTheirOwnJson) {
  for (const CodeTests& tests :
       {CodeTests{.prefix = "a", .setup = "b", .entry_point = "c", .tests = {"d"}, .solution = "e"},
        CodeTests{.cases = {{"in", "out"}, {"", ""}}}}) {
    EXPECT_EQ(CodeTestsOf(CodeTestsJson(tests)), tests);
  }
}

TEST(CodeTests, OtherRecordsAreRefusedWithTheReason) {
  const std::pair<const char*, const char*> bad[] = {
      {"{}", "no tests"},
      {"3", "an object"},
      {R"({"tests":[]})", "not one test"},
      {R"({"tests":[{"input":"1"}]})", "output"},
      {R"({"tests":[3]})", "tests"},
      {R"({"test_list":"assert"})", "test_list"},
      {R"({"input_output":{"inputs":["1"],"outputs":[]}})", "1 inputs and 0"},
      {R"({"input_output":{"fn_name":"f","inputs":[],"outputs":[]}})", "fn_name"},
      {R"({"input_output":"{"})", "input_output"}};
  for (const auto& [json, reason] : bad) {
    const std::string message = ErrorOf([text = json] { Read(text); });
    EXPECT_NE(message.find(reason), std::string::npos) << json << " - " << message;
  }
}

TEST(CodeTests, ATaskShowsMbppsFirstTestAndKeepsItsSolution) {
  try {
    const auto task = TaskFromYaml("name: jsonl\ngold: tests\nverifier: {name: code}\n");
    const Json record = ParseJson(
        R"({"text":"Double it.","code":"def d(x): return 2*x","task_id":3,
            "test_list":["assert d(1)==2","assert d(0)==0"]})",
        "test");
    const Problem problem = task->FromJson(record);
    EXPECT_EQ(problem.question.id, "3");
    EXPECT_EQ(problem.question.prompt, "Double it.\nassert d(1)==2\n");
    const std::vector<std::string> gold = task->GoldTraces(problem, 1, {});
    ASSERT_EQ(gold.size(), 1u);
    EXPECT_EQ(task->GetVerifier().Verify(problem, gold[0]), Verdict::kCorrect) << gold[0];
    EXPECT_FALSE(task->GetVerifier().CanCheck());
    const Problem again = task->FromJson(task->ToJson(problem));
    EXPECT_EQ(again.question, problem.question);
    EXPECT_EQ(again.answer, problem.answer);
  } catch (const Error& error) {
    if (error.code() != ExitCode::kUnavailable) throw;
    GTEST_SKIP() << error.what();
  }
}

}  // namespace
}  // namespace retort
