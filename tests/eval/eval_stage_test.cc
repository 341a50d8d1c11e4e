#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/base/stop.h"
#include "eval/arm_journal.h"
#include "tests/eval/eval_fixture.h"

namespace retort {
namespace {

using testing::HasSubstr;

/// Counts the searches of each arm and can make one of them fail.
struct Calls {
  std::atomic<int> student{0};
  std::atomic<int> search{0};
  std::atomic<bool> search_fails{false};
  std::atomic<int> stop_at{0};  // search that asks the process to stop
};

/// Asks the engine once and answers right on problems whose id ends in an even digit.
TraceTree StudentSearch(const Question& question, const SearchContext& context) {
  GenerateRequest request;
  request.prompt_ids = EncodePrompt(context.tokenizer, question.prompt);
  request.sampling.max_new_tokens = 4;
  const std::vector<Completion> completions = context.engine->Generate(std::vector{request});
  Problem problem;
  problem.question = question;
  const bool right = (question.id.back() - '0' + static_cast<int>(context.seed)) % 2 == 0;
  TraceTree tree = SamplesTree(problem, {right ? Reversed(question.prompt) : "a"});
  tree.counts.decoded = completions[0].usage.decoded;
  return tree;
}

TraceTree WideSearch(const Question& question, const SearchContext&) {
  Problem problem;
  problem.question = question;
  return SamplesTree(problem, {"a", "b", Reversed(question.prompt), "c"});
}

class EvalStageTest : public testing::Test {
 protected:
  EvalStageTest()
      : tokenizer_(MakeWordLevelTokenizer({"a", "b", "c", "d"})),
        engine_(MakeScriptedEngine(
            [](std::span<const int32_t>, RngKey) {
              return std::vector<int32_t>{4, 5, 2};
            },
            {})),
        second_(MakeScriptedEngine(
            [](std::span<const int32_t>, RngKey) {
              return std::vector<int32_t>{4, 2};
            },
            {})) {}

  EvalConfig Config() {
    EvalConfig config;
    config.in_flight = 4;
    config.arms.push_back(MakeArm(
        "student", ArmKind::kStudent,
        [this](const Question& question, const SearchContext& context) {
          ++calls_.student;
          return StudentSearch(question, context);
        },
        "model"));
    config.arms.push_back(MakeArm("search", ArmKind::kSearch,
                                  [this](const Question& question, const SearchContext& context) {
                                    if (++calls_.search == calls_.stop_at) SetStopRequested(15);
                                    if (calls_.search_fails) {
                                      throw Error(ExitCode::kUnavailable, "teacher gone");
                                    }
                                    return WideSearch(question, context);
                                  }));
    config.arms[1].subsample = {1, 2, 4};
    config.pairs = {{"student", "search"}};
    config.verdict.student = "student";
    config.verdict.search = "search";
    config.latency = {.problems = 3, .warmup = 1, .repeats = 2, .max_seconds_per_arm = 20};
    return config;
  }

  EvalInputs Inputs(size_t problems = 20) {
    EvalInputs inputs{.task = task_,
                      .tokenizer = *tokenizer_,
                      .problems = ReverseProblems(problems),
                      .models = {},
                      .stages = {},
                      .student_lineage = {},
                      .resolved_config = {{"name", "experiment"}},
                      .experiment = "experiment"};
    inputs.models["model"].engines = {engine_.get(), second_.get()};
    inputs.models["model"].parameters = 100;
    return inputs;
  }

  StageContext Context(const std::string& dir, const std::string& key = "key") {
    return {.env = RealEnv(),
            .dir = dir,
            .name = "verdict",
            .key = key,
            .threads = 2,
            .tensorboard_dir = ""};
  }

  static std::string Read(const std::string& dir, const std::string& name) {
    return RealEnv().ReadFile(JoinPath(dir, name));
  }

  ReverseTask task_;
  std::unique_ptr<Tokenizer> tokenizer_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Engine> second_;
  Calls calls_;
};

TEST_F(EvalStageTest, WritesEveryFileAndTheManifestLast) {
  const std::string dir = FreshDir("run");
  const EvalReport report = RunEvalStage(Config(), Inputs(), Context(dir));
  EXPECT_EQ(report.n, 20);
  ASSERT_EQ(report.arms.size(), 2u);
  EXPECT_EQ(report.arms[0].seeds, 2);
  EXPECT_EQ(report.arms[0].seed_accuracy, (std::vector<double>{0.5, 0.5}));
  EXPECT_DOUBLE_EQ(report.arms[1].accuracy.value, 1);
  EXPECT_EQ(report.arms[0].engine_decoded, 20 * 3 + 20 * 2);
  EXPECT_EQ(report.arms[0].tree_decoded, report.arms[0].engine_decoded);
  const auto manifest = ReadStageManifest(RealEnv(), dir);
  ASSERT_TRUE(manifest);
  EXPECT_EQ(manifest->content["items_sha256"], Sha256(Read(dir, "items.jsonl")));
  EXPECT_GT(manifest->run["seconds"].get<double>(), 0);
  EXPECT_TRUE(manifest->run.contains("cpu_seconds"));
  EXPECT_GT(manifest->run["peak_resident_bytes"].get<double>(), 0);
  EXPECT_THAT(Read(dir, "report.html"), HasSubstr("<h1>"));
  EXPECT_THAT(Read(dir, "report.md"), HasSubstr("| student | student | 100 | 2 | 50.0 % ["));
  EXPECT_FALSE(RealEnv().Exists(JoinPath(dir, "journal")));
}

TEST_F(EvalStageTest, WritesAReportThatReadsBack) {
  const std::string dir = FreshDir("run");
  const EvalReport report = RunEvalStage(Config(), Inputs(), Context(dir));
  const Json json = ParseJson(Read(dir, "report.json"), "report.json");
  EXPECT_EQ(json["verdict"], report.verdict);
  EXPECT_EQ(json["arms"][1]["best_of_k"][2]["value"], 1.0);
  EXPECT_EQ(json["arms"][0]["latency_problems"], 3);
  EXPECT_EQ(json["derived"]["search_equivalent_n"]["value"], 3);
  EXPECT_EQ(json["tree"]["samples"], 4);
  EXPECT_EQ(json["worst"].size(), 5u);
  EXPECT_EQ(RenderMarkdown(json), Read(dir, "report.md"));
}

TEST_F(EvalStageTest, WritesOneItemLineAnArmAndProblem) {
  const std::string dir = FreshDir("run");
  RunEvalStage(Config(), Inputs(3), Context(dir));
  std::vector<std::string> lines = Split(Read(dir, "items.jsonl"), '\n');
  lines.pop_back();
  ASSERT_EQ(lines.size(), 6u);
  const Json item = ParseJson(lines[1], "items.jsonl");
  EXPECT_EQ(item["doc_id"], 0);
  EXPECT_EQ(item["arm"], "search");
  EXPECT_EQ(item["target"], "c b a");
  EXPECT_EQ(item["filtered_resps"][0], "c b a");
  EXPECT_EQ(item["resps"][0][0], "c b a");
  EXPECT_EQ(item["verdict"], "correct");
  EXPECT_EQ(item["doc_hash"].get<std::string>().size(), 64u);
}

TEST_F(EvalStageTest, GivesTheSameContentForAnyConcurrency) {
  const std::string one = FreshDir("one");
  const std::string many = FreshDir("many");
  EvalConfig config = Config();
  config.in_flight = 1;
  StageContext single = Context(one);
  single.threads = 1;
  RunEvalStage(config, Inputs(), single);
  config.in_flight = 16;
  RunEvalStage(config, Inputs(), Context(many));
  EXPECT_EQ(ReadStageManifest(RealEnv(), one)->content,
            ReadStageManifest(RealEnv(), many)->content);
  EXPECT_EQ(Read(one, "items.jsonl"), Read(many, "items.jsonl"));
}

TEST_F(EvalStageTest, GoesOnAfterTheArmsThatWereFinished) {
  const std::string whole = FreshDir("whole");
  RunEvalStage(Config(), Inputs(), Context(whole));

  const std::string cut = FreshDir("cut");
  calls_.search_fails = true;
  EXPECT_THROW(RunEvalStage(Config(), Inputs(), Context(cut)), Error);
  EXPECT_FALSE(ReadStageManifest(RealEnv(), cut));
  calls_.search_fails = false;
  calls_.student = 0;
  const EvalReport report = RunEvalStage(Config(), Inputs(), Context(cut));
  // Only the latency passes: (1 warm-up + 3 problems) twice.
  EXPECT_EQ(calls_.student, 8);
  EXPECT_EQ(ReadStageManifest(RealEnv(), cut)->content,
            ReadStageManifest(RealEnv(), whole)->content);
  EXPECT_EQ(ReadStageManifest(RealEnv(), cut)->run["arms_resumed"], 2);
  EXPECT_EQ(Read(cut, "items.jsonl"), Read(whole, "items.jsonl"));
}

TEST_F(EvalStageTest, GoesOnWithinAnArmThatWasStopped) {
  const std::string whole = FreshDir("whole");
  RunEvalStage(Config(), Inputs(), Context(whole));

  const std::string cut = FreshDir("cut");
  calls_.search = 0;
  calls_.stop_at = 7;
  EXPECT_THROW(RunEvalStage(Config(), Inputs(), Context(cut)), Error);
  SetStopRequested(0);
  const int before = calls_.search;  // with those that were in flight
  EXPECT_LT(before, 20);
  calls_.student = calls_.search = calls_.stop_at = 0;
  RunEvalStage(Config(), Inputs(), Context(cut));
  EXPECT_EQ(calls_.student, 8);
  EXPECT_EQ(calls_.search, 20 - before + 5 * 20 + 8);  // and five short repeats, and latency
  EXPECT_EQ(ReadStageManifest(RealEnv(), cut)->content,
            ReadStageManifest(RealEnv(), whole)->content);
  EXPECT_EQ(Read(cut, "items.jsonl"), Read(whole, "items.jsonl"));
}

TEST_F(EvalStageTest, KeepsAnArmInPiecesThatAddUp) {
  const EvalConfig config = Config();
  const EvalInputs inputs = Inputs();
  ArmSetting setting{
      .task = inputs.task, .tokenizer = inputs.tokenizer, .problems = inputs.problems};
  SeedRun whole;
  RunArmSeed(
      config.arms[1], nullptr, 0, setting, [](const SeedRun&) {}, &whole);
  ASSERT_EQ(whole.outcomes.size(), 20U);
  setting.keep_every_seconds = 0;
  std::vector<size_t> kept;
  SeedRun pieces;
  RunArmSeed(
      config.arms[1], nullptr, 0, setting,
      [&](const SeedRun& run) { kept.push_back(run.outcomes.size()); }, &pieces);
  EXPECT_EQ(kept.size(), 20U);  // a problem each
  EXPECT_EQ(kept.back(), 20U);
  Json expected = SeedRunToJson(whole), json = SeedRunToJson(pieces);
  EXPECT_EQ(json.at("cost_blocks").size(), 20U);
  EXPECT_EQ(json.at("outcomes"), expected.at("outcomes"));
  EXPECT_FALSE(expected.at("tree").is_null());
  EXPECT_EQ(json.at("tree"), expected.at("tree"));
}

TEST_F(EvalStageTest, IgnoresFinishedArmsOfAnotherKey) {
  const std::string dir = FreshDir("run");
  calls_.search_fails = true;
  EXPECT_THROW(RunEvalStage(Config(), Inputs(), Context(dir, "old")), Error);
  calls_.search_fails = false;
  calls_.student = 0;
  RunEvalStage(Config(), Inputs(), Context(dir, "new"));
  EXPECT_EQ(calls_.student, 2 * 20 + 8);
}

TEST_F(EvalStageTest, SurvivesAJournalCutMidRecord) {
  const std::string dir = FreshDir("run");
  calls_.search_fails = true;
  EXPECT_THROW(RunEvalStage(Config(), Inputs(), Context(dir)), Error);
  const std::string journal = JoinPath(JoinPath(dir, "journal"), "arms.jrn");
  RealEnv().Truncate(journal, RealEnv().FileSize(journal) - 7);
  calls_.search_fails = false;
  calls_.student = 0;
  RunEvalStage(Config(), Inputs(), Context(dir));
  EXPECT_EQ(calls_.student, 20 + 8);  // the second seed again
}

TEST_F(EvalStageTest, StopsBetweenProblemsWhenAsked) {
  const std::string dir = FreshDir("run");
  SetStopRequested(15);
  EXPECT_THROW(RunEvalStage(Config(), Inputs(), Context(dir)), Error);
  SetStopRequested(0);
  EXPECT_FALSE(ReadStageManifest(RealEnv(), dir));
}

TEST_F(EvalStageTest, RefusesAnEmptySplit) {
  EvalInputs inputs = Inputs();
  inputs.problems.clear();
  try {
    RunEvalStage(Config(), inputs, Context(FreshDir("run")));
    FAIL() << "an empty split was accepted";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("split test has no problems"));
  }
}

TEST_F(EvalStageTest, TakesOnlyTheFirstProblemsOfALimit) {
  EvalConfig config = Config();
  config.limit = 7;
  EXPECT_EQ(RunEvalStage(config, Inputs(), Context(FreshDir("run"))).n, 7);
}

TEST_F(EvalStageTest, ReadsTheCurveOfAShippedModelFromItsFolder) {
  const std::string model = FreshDir("model");
  Json points = Json::array();
  for (int i = 1; i <= 10; ++i) points.push_back({{"step", i}, {"accuracy", 0.4}});
  WriteStageManifest(
      {.env = RealEnv(), .dir = model, .name = "teacher", .key = "k", .tensorboard_dir = ""},
      {{"curve", points}, {"steps", 10}, {"selected_step", 1}, {"best_step", 1}, {"dev_n", 500}},
      {{"cpu_seconds", 1}});
  EvalConfig config = Config();
  config.arms[0].model = model;
  EvalInputs inputs = Inputs();
  inputs.models[model] = inputs.models["model"];
  const EvalReport report = RunEvalStage(config, inputs, Context(FreshDir("run")));
  ASSERT_TRUE(report.curves.contains(model));
  EXPECT_EQ(report.curves[model]["points"].size(), 10u);
}

TEST_F(EvalStageTest, SaysWhenEnginesAreSharedAndWhenTheyAreFresh) {
  EvalReport report = RunEvalStage(Config(), Inputs(), Context(FreshDir("shared")));
  EXPECT_THAT(Join(report.notes, "\n"), HasSubstr("Engines are shared"));
  EvalInputs inputs = Inputs();
  inputs.models["model"].fresh = [](int) {
    return MakeScriptedEngine(
        [](std::span<const int32_t>, RngKey) {
          return std::vector<int32_t>{4, 2};
        },
        {});
  };
  report = RunEvalStage(Config(), inputs, Context(FreshDir("fresh")));
  EXPECT_THAT(Join(report.notes, "\n"), HasSubstr("starts with an empty prefix tree"));
  // A run this short is repeated for its cost: one measurement a run.
  EXPECT_EQ(report.arms[0].cost_blocks.size(), 10u);
}

}  // namespace
}  // namespace retort
