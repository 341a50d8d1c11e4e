#include "generate/generate_stage.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>

#include "core/base/commit.h"
#include "core/base/journal.h"
#include "core/base/stop.h"
#include "core/trace/trace_codec.h"
#include "tests/generate/search_fixture.h"

namespace retort {
namespace {

struct RunOptions {
  int shards = 2;
  int in_flight = 4;
  std::string strategy = "{name: best_of_n, n: 6, wave: 3}";
};

class GenerateStageTest : public testing::SearchTest {
 protected:
  void SetUp() override {
    SetStopRequested(0);
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    root_ = StrCat(::testing::TempDir(), "generate_stage_", ::getpid(), "_", info->line());
    std::filesystem::remove_all(root_);
    engine_ = RandomEngine();
  }
  void TearDown() override {
    SetStopRequested(0);
    std::filesystem::remove_all(root_);
  }

  std::string Dir(const std::string& name) const { return JoinPath(root_, name); }

  void Run(const std::string& name, const RunOptions& options, Engine& engine,
           Env& env = RealEnv()) const {
    Run(name, options, engine, env, task_);
  }
  void Run(const std::string& name, const RunOptions& options, Engine& engine, Env& env,
           const Task& task) const {
    GenerateConfig config;
    config.shards = options.shards;
    config.in_flight = options.in_flight;
    config.strategy = Strategy(options.strategy);
    const GenerateInputs inputs{.task = task,
                                .tokenizer = *tokenizer_,
                                .problems = problems_,
                                .engine = &engine,
                                .provenance = {.stage_key = "key",
                                               .config_sha256 = "c",
                                               .teacher_sha256 = "t",
                                               .tokenizer_sha256 = tokenizer_->Sha256(),
                                               .verifier = "digits-1"}};
    RealEnv().CreateDirs(Dir(name));
    RunGenerateStage(config, inputs, testing::ContextOf(env, Dir(name), name, 5));
  }
  void Run(const std::string& name, const RunOptions& options = {}) const {
    Run(name, options, *engine_);
  }

  std::vector<TraceTree> Trees(const std::string& name) const {
    std::vector<TraceTree> trees;
    ForEachTree(RealEnv(), Dir(name), [&](TraceTree&& tree) { trees.push_back(std::move(tree)); });
    return trees;
  }

  Json Content(const std::string& name) const {
    return ReadStageManifest(RealEnv(), Dir(name)).value().content;
  }

  /// Runs that stopped in the middle end like one that was left alone.
  void ExpectSameShards(const std::string& a, const std::string& b) const {
    EXPECT_EQ(Content(a), Content(b));
    for (const std::string& path : ListShards(RealEnv(), Dir(a))) {
      EXPECT_EQ(RealEnv().ReadFile(path),
                RealEnv().ReadFile(JoinPath(JoinPath(Dir(b), "shards"), BaseName(path))));
    }
    EXPECT_TRUE(RealEnv().List(JoinPath(Dir(b), "journal")).empty());
  }

  /// An engine that asks the process to stop at its `nth` call.
  std::unique_ptr<Engine> StoppingEngine(int nth) {
    return MakeScriptedEngine(
        [this, nth](std::span<const int32_t>, RngKey key) {
          if (++calls_ == nth) SetStopRequested(SIGTERM);
          return RandomDigits(key);
        },
        testing::TinyModel());
  }

  std::string root_;
  std::unique_ptr<Engine> engine_;
  std::vector<Problem> problems_ = testing::DigitProblems(20);
  std::atomic<int> calls_{0};
};

TEST_F(GenerateStageTest, GoldJudgesWhatTheQuestionCannotOnceTheSearchHasChosen) {
  const testing::FakeTask by_gold(testing::Heuristic::kNone, testing::Judging::kByGold);
  const RunOptions checker{.strategy = "{name: best_of_n, n: 6, select: checker}"};
  const RunOptions log_prob{.strategy = "{name: best_of_n, n: 6, select: log_prob}"};
  Run("gold", checker, *engine_, RealEnv(), by_gold);
  Run("blind", log_prob, *engine_);
  const std::vector<TraceTree> gold = Trees("gold");
  const std::vector<TraceTree> blind = Trees("blind");
  ASSERT_EQ(gold.size(), blind.size());
  for (size_t i = 0; i < gold.size(); ++i) {
    // The same samples with the same verdicts, chosen as a search chooses that has no checker.
    EXPECT_EQ(gold[i].selected, blind[i].selected);
    ASSERT_EQ(gold[i].nodes.size(), blind[i].nodes.size());
    for (size_t node = 0; node < gold[i].nodes.size(); ++node) {
      EXPECT_EQ(gold[i].nodes[node].verdict, blind[i].nodes[node].verdict);
    }
    EXPECT_EQ(gold[i].CountVerdict(Verdict::kUnverified), 0);
  }
  EXPECT_EQ(Content("gold").at("solved"), Content("blind").at("solved"));
  EXPECT_GT(Content("gold").at("solved"), 0);
}

TEST_F(GenerateStageTest, ManifestSaysWhatTheShardsHold) {
  Run("run");
  const std::vector<TraceTree> trees = Trees("run");
  ASSERT_EQ(trees.size(), 20U);
  int64_t solved = 0;
  int64_t correct = 0;
  TokenCounts counts;
  for (const TraceTree& tree : trees) {
    solved += tree.CountVerdict(Verdict::kCorrect) > 0 ? 1 : 0;
    correct += tree.CountVerdict(Verdict::kCorrect);
    counts += tree.counts;
  }
  const Json content = Content("run");
  EXPECT_EQ(content.at("problems"), 20);
  EXPECT_EQ(content.at("solved"), solved);
  EXPECT_EQ(content.at("verdicts").at("correct"), correct);
  EXPECT_EQ(content.at("counts").at("decoded"), counts.decoded);
  EXPECT_EQ(content.at("counts").at("flops"), counts.flops);
  ASSERT_EQ(content.at("shards").size(), 2U);
  EXPECT_EQ(content.at("shards").at(0).at("name"), "shard-00000.h5");
  EXPECT_EQ(content.at("shards").at(0).at("records"), 10);
  EXPECT_EQ(content.at("shards").at(0).at("sha256"),
            Sha256OfFile(RealEnv(), ShardPath(Dir("run"), 0)));
}

TEST_F(GenerateStageTest, TreesKeepTheProblemsFacts) {
  Run("run");
  const TraceTree tree = Trees("run").at(3);
  EXPECT_EQ(tree.problem_id, "p003");
  EXPECT_EQ(tree.answer, "gold 003");
  EXPECT_EQ(tree.source, "generated");
  EXPECT_EQ(tree.split, "search");
  EXPECT_EQ(tree.question, "0 0 3");
}

TEST_F(GenerateStageTest, OneWorkerAndEightGiveTheSameBytes) {
  Run("one", {.in_flight = 1});
  Run("eight", {.in_flight = 8});
  ExpectSameShards("one", "eight");
}

TEST_F(GenerateStageTest, OneShardAndFourGiveTheSameTrees) {
  Run("one", {.shards = 1});
  Run("four", {.shards = 4});
  EXPECT_EQ(ListShards(RealEnv(), Dir("four")).size(), 4U);
  EXPECT_EQ(Trees("one"), Trees("four"));
}

TEST_F(GenerateStageTest, TheOrderOfTheProblemsDoesNotMatter) {
  Run("forward");
  std::ranges::reverse(problems_);
  Run("backward");
  ExpectSameShards("forward", "backward");
}

TEST_F(GenerateStageTest, AStoppedRunGoesOnToTheSameBytes) {
  Run("whole");
  const int all_calls = 20 * 6;
  for (const int nth : {1, 50, 110}) {
    const std::string name = StrCat("stopped", nth);
    calls_ = 0;
    const auto stopping = StoppingEngine(nth);
    try {
      Run(name, {}, *stopping);
      FAIL() << "did not stop at call " << nth;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ExitCode::kTryAgain);
    }
    EXPECT_FALSE(ReadStageManifest(RealEnv(), Dir(name)).has_value());
    SetStopRequested(0);
    Run(name, {}, *stopping);
    EXPECT_EQ(calls_, all_calls) << "a stop loses no finished search";
    ExpectSameShards("whole", name);
  }
}

TEST_F(GenerateStageTest, ResumeIsRecordedWithAllAttemptsSeconds) {
  const auto stopping = StoppingEngine(80);
  EXPECT_THROW(Run("run", {}, *stopping), Error);
  SetStopRequested(0);
  Run("run", {}, *stopping);
  const Json run = ReadStageManifest(RealEnv(), Dir("run"))->run;
  EXPECT_EQ(run.at("attempts"), 2);
  EXPECT_EQ(run.at("resumed").at("shards_verified"), 1);
  EXPECT_EQ(run.at("resumed").at("shards_partial"), 1);
  EXPECT_EQ(run.at("resumed").at("records_lost"), 0);
  EXPECT_GT(run.at("resumed").at("records_replayed"), 0);
  EXPECT_GT(run.at("seconds"), 0.0);
}

TEST_F(GenerateStageTest, AJournalCutInARecordLosesThatRecordOnly) {
  Run("whole");
  const auto stopping = StoppingEngine(40);
  EXPECT_THROW(Run("cut", {.in_flight = 1}, *stopping), Error);
  SetStopRequested(0);
  const std::string journal = JoinPath(Dir("cut"), "journal/shard-00000.jrn");
  RealEnv().Truncate(journal, RealEnv().FileSize(journal) - 3);
  calls_ = 0;
  const auto counting = StoppingEngine(0);
  Run("cut", {}, *counting);
  const Json resumed = ReadStageManifest(RealEnv(), Dir("cut"))->run.at("resumed");
  EXPECT_EQ(resumed.at("records_lost"), 1);
  EXPECT_GE(resumed.at("records_replayed"), 5);
  EXPECT_EQ(calls_, 6 * (20 - resumed.at("records_replayed").get<int>()));
  ExpectSameShards("whole", "cut");
}

TEST_F(GenerateStageTest, AWholeJournalIsCommittedWithoutSearching) {
  Run("whole");
  // As a kill leaves it after the last record and before the commit.
  RealEnv().CreateDirs(JoinPath(Dir("killed"), "journal"));
  RealEnv().CreateDirs(JoinPath(Dir("killed"), "shards"));
  JournalReplay replay;
  const auto journal =
      Journal::Open(RealEnv(), JoinPath(Dir("killed"), "journal/shard-00000.jrn"), &replay);
  for (const TraceTree& tree : ReadTraceShard(RealEnv(), ShardPath(Dir("whole"), 0)).trees) {
    journal->Append(EncodeTree(tree));
  }
  journal->Close();
  const auto counting = StoppingEngine(0);
  Run("killed", {}, *counting);
  EXPECT_EQ(calls_, 60) << "the second shard only";
  ExpectSameShards("whole", "killed");
}

TEST_F(GenerateStageTest, AFinishedStageIsVerifiedNotRepeated) {
  Run("run");
  RealEnv().Remove(JoinPath(Dir("run"), "MANIFEST.json"));
  const auto counting = StoppingEngine(0);
  Run("run", {}, *counting);
  EXPECT_EQ(calls_, 0);
  EXPECT_EQ(ReadStageManifest(RealEnv(), Dir("run"))->run.at("resumed").at("shards_verified"), 2);
}

TEST_F(GenerateStageTest, ADamagedShardIsNamedAndRefused) {
  Run("run");
  const std::string path = ShardPath(Dir("run"), 1);
  std::string bytes = RealEnv().ReadFile(path);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  WriteFileAtomically(RealEnv(), path, bytes);
  try {
    Run("run");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ExitCode::kData);
    EXPECT_NE(std::string(e.what()).find("shard-00001.h5"), std::string::npos) << e.what();
  }
}

TEST_F(GenerateStageTest, AFolderOfOtherProblemsIsRefused) {
  Run("run");
  problems_.pop_back();
  try {
    Run("run");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ExitCode::kData);
    EXPECT_NE(std::string(e.what()).find("plan.json was made for other problems"),
              std::string::npos)
        << e.what();
  }
}

TEST_F(GenerateStageTest, AShardThatSomebodyHoldsIsNotTouched) {
  RealEnv().CreateDirs(JoinPath(Dir("run"), "locks"));
  std::string holder;
  const auto lock = RealEnv().TryLock(JoinPath(Dir("run"), "locks/shard-00000.lock"), &holder);
  ASSERT_NE(lock, nullptr);
  try {
    Run("run");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ExitCode::kTryAgain);
    EXPECT_NE(std::string(e.what()).find("is held by"), std::string::npos) << e.what();
  }
}

TEST_F(GenerateStageTest, AWorkersExceptionReachesTheCallerAndFinishedSearchesStay) {
  Run("whole");
  const auto failing = MakeScriptedEngine(
      [this](std::span<const int32_t>, RngKey key) {
        if (++calls_ == 50) throw Error(ExitCode::kUnavailable, "the teacher went away");
        return RandomDigits(key);
      },
      testing::TinyModel());
  try {
    Run("failed", {}, *failing);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ExitCode::kUnavailable);
    EXPECT_STREQ(e.what(), "the teacher went away");
  }
  calls_ = 1000;
  Run("failed", {}, *failing);
  EXPECT_LT(calls_, 1000 + 20 * 6 - 30) << "what had finished was searched again";
  ExpectSameShards("whole", "failed");
}

TEST_F(GenerateStageTest, TwoProblemsWithOneIdAreRefused) {
  problems_.push_back(problems_.front());
  try {
    Run("run");
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("two problems have the id \"p000\""), std::string::npos)
        << e.what();
  }
}

TEST_F(GenerateStageTest, NoProblemsMakeAnEmptyStage) {
  problems_.clear();
  Run("run");
  EXPECT_EQ(Content("run").at("problems"), 0);
  EXPECT_TRUE(Content("run").at("shards").empty());
}

TEST_F(GenerateStageTest, PlayersRunWithoutAnEngine) {
  GenerateConfig config;
  config.strategy = Strategy("{name: solver, n: 2}");
  RealEnv().CreateDirs(Dir("run"));
  const GenerateInputs inputs{.task = task_,
                              .tokenizer = *tokenizer_,
                              .problems = problems_,
                              .engine = nullptr,
                              .provenance = {}};
  RunGenerateStage(config, inputs, testing::ContextOf(RealEnv(), Dir("run"), "run", 1));
  EXPECT_EQ(Content("run").at("solved"), 20);
  EXPECT_EQ(Content("run").at("counts").at("decoded"), 0);
}

/// Every eighth call that changes the file system fails, from its parameter on.
class GenerateStageFault : public GenerateStageTest, public ::testing::WithParamInterface<int> {};

TEST_P(GenerateStageFault, IsReportedAndTheNextRunEndsInTheSameBytes) {
  problems_.resize(2);
  const RunOptions options{.shards = 1, .strategy = "{name: best_of_n, n: 2}"};
  Run("whole", options);
  FaultyEnv env(RealEnv());
  bool succeeded = false;
  for (int64_t nth = GetParam(); !succeeded && nth < 200; nth += 8) {
    const std::string name = StrCat("fault", nth);
    env.FailAt(nth, true);
    try {
      Run(name, options, *engine_, env);
      succeeded = true;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ExitCode::kIo) << e.what();
    }
    Run(name, options);
    ExpectSameShards("whole", name);
  }
  EXPECT_TRUE(succeeded);
}

INSTANTIATE_TEST_SUITE_P(EveryEighth, GenerateStageFault, ::testing::Range(1, 9));

}  // namespace
}  // namespace retort
