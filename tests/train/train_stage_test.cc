#include "train/train_stage.h"

#include <gmock/gmock.h>
#include <signal.h>

#include <cmath>
#include <cstdlib>

#include "core/base/stop.h"
#include "core/lm/checkpoint/checkpoint.h"
#include "core/lm/engine/device.h"
#include "tests/train/train_fixture.h"
#include "train/objective.h"
#include "train/train_checkpoint.h"

namespace retort {
namespace {

using testing::HasSubstr;

constexpr int64_t kSteps = 12;

/// Ring sorting of four tiles: small enough to train for a few steps in milliseconds.
struct SmallRun {
  std::unique_ptr<Task> task;
  std::unique_ptr<Tokenizer> tokenizer;
  Dataset dataset;
  std::vector<Problem> gold, dev;

  SmallRun() {
    const auto document =
        ConfigDocument::Parse("name: ring_sort\nsize: 5\ndistance: 3\n", "test.yaml", {});
    task = MakeTask(document->Root());
    document->Finish();
    tokenizer = MakeWordLevelTokenizer(task->Vocabulary());
    const auto splits = task->MakeSplits({{.name = "gold", .config = {.count = 8, .share = 0.6}},
                                          {.name = "dev", .config = {.count = 4, .share = 0.4}}},
                                         1);
    gold = splits[0];
    dev = splits[1];
    dataset.view = "completion";
    dataset.tokenizer_sha256 = tokenizer->Sha256();
    for (const Problem& problem : splits[0]) AddGold(problem);
  }

  void AddGold(const Problem& problem) {
    const RngKey key = Rng::DeriveKey({uint64_t{1}, std::string_view(problem.question.id)});
    for (const std::string& text : task->GoldTraces(problem, 2, key)) {
      Example example{.problem_id = problem.question.id, .source = "gold"};
      example.prompt_ids = EncodePrompt(*tokenizer, problem.question.prompt);
      example.completion_ids = tokenizer->Encode(text);
      example.completion_ids.push_back(tokenizer->Specials().eos);
      dataset.examples.push_back(std::move(example));
    }
  }

  TrainConfig Config() const {
    const auto document = ConfigDocument::Parse("name: sft", "test.yaml", {});
    TrainConfig config;
    config.objective = MakeObjective(document->Root());
    config.data = "gold";
    config.model = TinyModel();
    config.model.vocab_size = tokenizer->VocabSize();
    config.optimizer.lr = 0.01;
    config.optimizer.warmup_steps = 3;
    config.steps = kSteps;
    config.batch_size = 5;
    config.eval_every = 2;
    config.eval_problems = 3;
    config.checkpoint_every = 3;
    return config;
  }

  void Train(const TrainConfig& config, const std::string& dir, int threads = 1,
             const DecoderWeights* init = nullptr, Env& env = RealEnv()) const {
    RunTrainStage(config,
                  {.task = *task,
                   .tokenizer = *tokenizer,
                   .dataset = dataset,
                   .dev = dev,
                   .init_weights = init},
                  {.env = env,
                   .dir = dir,
                   .name = "student",
                   .key = "key",
                   .seed = 5,
                   .threads = threads,
                   .tensorboard_dir = JoinPath(dir, "tb")});
  }
};

/// Everything that must not depend on kills: weights, curve and the hashed part of the manifest.
std::string ResultBytes(const std::string& dir) {
  const auto manifest = ReadStageManifest(RealEnv(), dir);
  if (!manifest) return "no manifest";
  return manifest->sha256 + RealEnv().ReadFile(JoinPath(dir, "curve.jsonl")) +
         RealEnv().ReadFile(JoinPath(dir, "model/model.safetensors"));
}

TEST(TrainStage, LeavesAModelACurveAndAManifest) {
  const SmallRun run;
  const std::string dir = TestFolder("run");
  run.Train(run.Config(), dir);
  const auto manifest = ReadStageManifest(RealEnv(), dir);
  ASSERT_TRUE(manifest.has_value());
  const Json& content = manifest->content;
  EXPECT_EQ(content.at("steps"), kSteps);
  EXPECT_EQ(content.at("curve").size(), 6u);
  EXPECT_EQ(content.at("dev_n"), 3);
  EXPECT_EQ(content.at("examples"), run.dataset.examples.size());
  EXPECT_EQ(content.at("parameters"), run.Config().model.ParameterCount());
  // Prompt of bos + 5 tiles + ":", completion of 3 moves + eos; all but the last are rows.
  EXPECT_EQ(content.at("supervised_tokens"), kSteps * 5 * 4);
  EXPECT_EQ(content.at("tokens"), kSteps * 5 * 10);
  double row_flops = 0;
  for (int64_t context = 1; context <= 10; ++context) {
    row_flops += run.Config().model.FlopsPerToken(context);
  }
  EXPECT_DOUBLE_EQ(content.at("flops").get<double>(), 3 * row_flops * kSteps * 5);
  EXPECT_EQ(content.at("model_sha256"), CheckpointSha256(RealEnv(), JoinPath(dir, "model")));
  const DecoderWeights weights = LoadCheckpoint(RealEnv(), JoinPath(dir, "model"));
  const auto tokenizer = LoadTokenizer(RealEnv(), JoinPath(dir, "model"));
  EXPECT_EQ(tokenizer->Sha256(), run.tokenizer->Sha256());
  const DevPoint point =
      EvaluateGreedy(weights, *run.task, *tokenizer, {run.dev.begin(), run.dev.begin() + 3}, 1);
  EXPECT_EQ(content.at("best_accuracy"), point.accuracy);
}

TEST(TrainStage, LossFalls) {
  const SmallRun run;
  const std::string dir = TestFolder("run");
  run.Train(run.Config(), dir);
  const Json curve = ReadStageManifest(RealEnv(), dir)->content.at("curve");
  EXPECT_LT(curve.back().at("train_loss").get<double>(),
            0.9 * curve.front().at("train_loss").get<double>());
}

TEST(TrainStage, MemorizedProblemsAreSolvedToTheLastStep) {
  SmallRun run;
  TrainConfig config = run.Config();
  config.model.hidden_size = 32;
  config.steps = 150;
  config.batch_size = 16;
  config.eval_every = config.checkpoint_every = 150;
  config.optimizer.weight_decay = 0;
  run.dev = run.gold;
  const std::string dir = TestFolder("run");
  run.Train(config, dir, 2);
  const Json last = ReadStageManifest(RealEnv(), dir)->content.at("curve").back();
  EXPECT_EQ(last.at("accuracy"), 1.0);
  EXPECT_EQ(last.at("steps_before_error"), 3.0);
}

TEST(TrainStage, ThreadsDoNotChangeTheResult) {
  const SmallRun run;
  const std::string one = TestFolder("one");
  const std::string two = TestFolder("two");
  run.Train(run.Config(), one, 1);
  run.Train(run.Config(), two, 2);
  EXPECT_EQ(ResultBytes(one), ResultBytes(two));
}

TEST(CudaTrainStage, ARunAndOneThatWasStoppedEndInTheSameBytes) {
  if (ResolveDevice("auto") != "cuda") GTEST_SKIP() << "no CUDA device";
  const SmallRun run;
  for (const std::string precision : {"float32", "bfloat16"}) {
    TrainConfig config = run.Config();
    config.device = "cuda";
    config.precision = precision;
    const std::string whole = TestFolder("whole"), again = TestFolder("again"),
                      stopped = TestFolder("stopped");
    run.Train(config, whole);
    run.Train(config, again);
    EXPECT_EQ(ResultBytes(whole), ResultBytes(again)) << precision;
    SetStopRequested(SIGINT);
    EXPECT_THAT(ErrorOf([&] { run.Train(config, stopped); }), HasSubstr("same command"));
    SetStopRequested(0);
    run.Train(config, stopped);
    EXPECT_EQ(ResultBytes(whole), ResultBytes(stopped)) << precision;
    const Json curve = ReadStageManifest(RealEnv(), whole)->content.at("curve");
    EXPECT_LT(curve.back().at("train_loss").get<double>(),
              0.9 * curve.front().at("train_loss").get<double>());
  }
}

TEST(TrainStage, SeedsDiffer) {
  const SmallRun run;
  TrainConfig config = run.Config();
  config.steps = 4;
  const auto sha = [&](uint64_t seed) {
    const std::string dir = TestFolder(StrCat("seed", seed));
    RunTrainStage(
        config,
        {.task = *run.task, .tokenizer = *run.tokenizer, .dataset = run.dataset, .dev = run.dev},
        {.env = RealEnv(),
         .dir = dir,
         .name = "student",
         .key = "key",
         .seed = seed,
         .threads = 1,
         .tensorboard_dir = ""});
    return ReadStageManifest(RealEnv(), dir)->content.at("model_sha256").get<std::string>();
  };
  EXPECT_NE(sha(1), sha(2));
}

TEST(TrainStage, SelectLastKeepsTheLastWeights) {
  SmallRun run;
  run.dev.clear();
  TrainConfig config = run.Config();
  config.select = "last";
  const std::string dir = TestFolder("run");
  run.Train(config, dir);
  const auto last = LoadCheckpointFolder(RealEnv(), JoinPath(dir, "checkpoints"), kSteps);
  const DecoderWeights weights = LoadCheckpoint(RealEnv(), JoinPath(dir, "model"));
  for (const auto& [name, tensor] : NamedParameters(weights)) {
    EXPECT_TRUE(at::equal(tensor, last.model.at(name))) << name;
  }
}

// Kills at a named point and arrival; each runs in a process of its own.
struct Kill {
  const char* point;
  int arrival;
};
class TrainStageKill : public testing::TestWithParam<Kill> {};

TEST_P(TrainStageKill, ARerunEndsInTheSameBytes) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const SmallRun run;
  const std::string killed = TestFolder("killed");
  EXPECT_EXIT(
      {
        setenv("RETORT_CRASH_AT", StrCat(GetParam().point, ":", GetParam().arrival).c_str(), 1);
        run.Train(run.Config(), killed, 2);
      },
      testing::KilledBySignal(SIGKILL), "");
  EXPECT_EQ(ResultBytes(killed), "no manifest");
  const std::string straight = TestFolder("straight");
  run.Train(run.Config(), straight, 2);
  run.Train(run.Config(), killed, 2);
  EXPECT_EQ(ResultBytes(killed), ResultBytes(straight));
}

INSTANTIATE_TEST_SUITE_P(Points, TrainStageKill,
                         testing::Values(Kill{"train.after_step", 1}, Kill{"train.after_step", 3},
                                         Kill{"train.after_step", 8}, Kill{"train.after_step", 12},
                                         Kill{"train.in_checkpoint", 1},
                                         Kill{"train.in_checkpoint", 3},
                                         Kill{"train.before_checkpoint_rename", 2},
                                         Kill{"train.before_manifest", 1}),
                         [](const auto& test) {
                           std::string name = StrCat(test.param.point, "_", test.param.arrival);
                           for (char& c : name) c = c == '.' ? '_' : c;
                           return name;
                         });

int64_t Count(const std::string& text, const std::string& word) {
  int64_t count = 0;
  for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++count;
  return count;
}

class TrainStageSelect : public testing::TestWithParam<const char*> {};

TEST_P(TrainStageSelect, ARerunRepeatsOnlyStepsAfterTheNewestCheckpoint) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const SmallRun run;
  TrainConfig config = run.Config();
  config.select = GetParam();
  const std::string dir = TestFolder("run");
  EXPECT_EXIT(
      {
        setenv("RETORT_CRASH_AT", "train.after_step:11", 1);
        run.Train(config, dir);
      },
      testing::KilledBySignal(SIGKILL), "");
  const std::string tb = JoinPath(dir, "tb");
  RealEnv().RemoveTree(tb);
  const std::vector<int64_t> saved = ListCheckpoints(RealEnv(), JoinPath(dir, "checkpoints"));
  ASSERT_FALSE(saved.empty());
  EXPECT_GE(saved.back(), 9);
  run.Train(config, dir);
  const std::string events = RealEnv().ReadFile(JoinPath(tb, RealEnv().List(tb).at(0)));
  EXPECT_EQ(Count(events, "train/loss"), kSteps - saved.back());
}

INSTANTIATE_TEST_SUITE_P(Select, TrainStageSelect, testing::Values("best_dev", "last"));

TEST(TrainStage, ADamagedNewestCheckpointCostsStepsButNotBytes) {
  const SmallRun run;
  const std::string straight = TestFolder("straight");
  const std::string damaged = TestFolder("damaged");
  run.Train(run.Config(), straight);
  run.Train(run.Config(), damaged);
  RealEnv().Remove(JoinPath(damaged, "MANIFEST.json"));
  const std::string checkpoints = JoinPath(damaged, "checkpoints");
  const int64_t newest = ListCheckpoints(RealEnv(), checkpoints).back();
  EXPECT_EQ(newest, kSteps);
  RealEnv().Truncate(JoinPath(checkpoints, StrCat("step-000000", newest, "/model.safetensors")),
                     100);
  run.Train(run.Config(), damaged);
  EXPECT_EQ(ResultBytes(damaged), ResultBytes(straight));
}

TEST(TrainStage, AStopRequestSavesAndARerunGoesOn) {
  const SmallRun run;
  const std::string stopped = TestFolder("stopped");
  TrainConfig config = run.Config();
  config.checkpoint_every = 1000;
  SetStopRequested(SIGINT);
  EXPECT_THAT(ErrorOf([&] { run.Train(config, stopped); }), HasSubstr("same command"));
  SetStopRequested(0);
  EXPECT_EQ(ListCheckpoints(RealEnv(), JoinPath(stopped, "checkpoints")).size(), 1u);
  run.Train(config, stopped);
  const std::string straight = TestFolder("straight");
  run.Train(config, straight);
  EXPECT_EQ(ResultBytes(stopped), ResultBytes(straight));
}

TEST(TrainStage, ACheckpointOfAnotherRunIsNotUsed) {
  const SmallRun run;
  TrainConfig config = run.Config();
  const std::string dir = TestFolder("run");
  run.Train(config, dir);
  RealEnv().Remove(JoinPath(dir, "MANIFEST.json"));
  config.optimizer.lr = 0.02;
  run.Train(config, dir);
  const std::string fresh = TestFolder("fresh");
  run.Train(config, fresh);
  EXPECT_EQ(ResultBytes(dir), ResultBytes(fresh));
}

TEST(TrainStage, OneBadExampleSkipsItsStepsOnly) {
  SmallRun run;
  run.dataset.examples[3].weight = INFINITY;
  TrainConfig config = run.Config();
  const std::string dir = TestFolder("run");
  run.Train(config, dir);
  const Json content = ReadStageManifest(RealEnv(), dir)->content;
  EXPECT_GT(content.at("skipped_steps").get<int64_t>(), 0);
  EXPECT_LT(content.at("skipped_steps").get<int64_t>(), kSteps);
  const DecoderWeights weights = LoadCheckpoint(RealEnv(), JoinPath(dir, "model"));
  for (const auto& [name, tensor] : NamedParameters(weights)) {
    EXPECT_TRUE(at::isfinite(tensor).all().item<bool>()) << name;
  }
}

TEST(TrainStage, TenBadStepsInARowEndTheRunNamingTensorStepAndExamples) {
  SmallRun run;
  for (Example& example : run.dataset.examples) example.weight = INFINITY;
  const std::string message = ErrorOf([&] { run.Train(run.Config(), TestFolder("run")); });
  EXPECT_THAT(message, HasSubstr("step 9"));
  EXPECT_THAT(message, HasSubstr("gradient of model.embed_tokens.weight is not finite"));
  EXPECT_THAT(message, HasSubstr(run.dataset.examples[0].problem_id.substr(0, 5)));
}

TEST(TrainStage, StartsFromGivenWeights) {
  const SmallRun run;
  TrainConfig config = run.Config();
  config.optimizer.lr = 1e-12;
  config.optimizer.weight_decay = 0;
  config.steps = 3;
  const DecoderWeights init =
      InitWeights(config.model, {.std = 0.5}, Rng::DeriveKey({uint64_t{9}, "x"}));
  const std::string dir = TestFolder("run");
  run.Train(config, dir, 1, &init);
  const DecoderWeights weights = LoadCheckpoint(RealEnv(), JoinPath(dir, "model"));
  const auto trained = NamedParameters(weights);
  const auto given = NamedParameters(init);
  for (size_t i = 0; i < trained.size(); ++i) {
    EXPECT_LE(MaxDifference(trained[i].second, given[i].second), 1e-6) << trained[i].first;
  }
}

TEST(TrainStage, RefusesInputsThatDoNotFitTogether) {
  const SmallRun good;
  const std::string dir = TestFolder("run");
  const auto message_of = [&](const auto& change) {
    SmallRun run;
    TrainConfig config = run.Config();
    change(run, config);
    return ErrorOf([&] { run.Train(config, dir); });
  };
  EXPECT_THAT(message_of([](SmallRun& run, TrainConfig&) { run.dataset.examples.clear(); }),
              HasSubstr("is empty"));
  EXPECT_THAT(message_of([](SmallRun& run, TrainConfig&) { run.dataset.tokenizer_sha256 = "x"; }),
              HasSubstr("tokenizer"));
  EXPECT_THAT(message_of([](SmallRun&, TrainConfig& config) { config.model.vocab_size = 99; }),
              HasSubstr("vocabulary of 99"));
  EXPECT_THAT(message_of([](SmallRun& run, TrainConfig&) { run.dev.clear(); }),
              HasSubstr("select: last"));
  EXPECT_THAT(
      message_of([](SmallRun& run, TrainConfig&) { run.dataset.examples[1].prompt_ids[0] = 77; }),
      HasSubstr("token id 77"));
  EXPECT_THAT(
      message_of([](SmallRun&, TrainConfig& config) { config.model.max_position_embeddings = 9; }),
      HasSubstr("10 positions, the model has 9"));
  EXPECT_THAT(message_of([](SmallRun& run, TrainConfig&) {
                run.dataset.examples[2].completion_ids.clear();
              }),
              HasSubstr("0 of 7 tokens supervised"));
}

TEST(TrainStage, AFullDiskIsAnIoErrorAndARerunGoesOn) {
  const SmallRun run;
  const std::string straight = TestFolder("straight");
  run.Train(run.Config(), straight);
  const std::string dir = TestFolder("run");
  FaultyEnv env(RealEnv());
  env.FailAt(40, /*sticky=*/true);
  EXPECT_THAT(ErrorOf([&] { run.Train(run.Config(), dir, 1, nullptr, env); }),
              HasSubstr("No space left"));
  run.Train(run.Config(), dir);
  EXPECT_EQ(ResultBytes(dir), ResultBytes(straight));
}

}  // namespace
}  // namespace retort
