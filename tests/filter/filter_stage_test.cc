#include "filter/filter_stage.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <map>

#include "core/base/commit.h"
#include "core/base/hash.h"
#include "core/trace/dataset.h"
#include "core/trace/trace_store.h"
#include "filter/gold.h"
#include "filter/tree_stream.h"
#include "tests/filter/filter_fixture.h"

namespace retort {
namespace {

using testing::TreeOf;

constexpr char kAllFilters[] =
    "filters: [{name: length, min_tokens: 4}, {name: verified}, {name: pass_rate, max: 0.6}, "
    "{name: exact_duplicate}, {name: near_duplicate, max_shared_positions: 0.3}, "
    "{name: cap, per_problem: 2}]";

class FilterStageTest : public testing::FilterTest {
 protected:
  void SetUp() override {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    root_ = StrCat(::testing::TempDir(), "filter_stage_", ::getpid(), "_", info->line());
    std::filesystem::remove_all(root_);
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  /// A finished generate stage that holds `trees` in `shards` blocks by problem id.
  FilterInput Stage(const std::string& name, std::vector<TraceTree> trees, int shards = 1,
                    const std::string& tokenizer_sha256 = "") const {
    const std::string dir = JoinPath(root_, "generate/" + name);
    RealEnv().CreateDirs(JoinPath(dir, "shards"));
    std::ranges::sort(trees, {}, &TraceTree::problem_id);
    TraceProvenance provenance;
    provenance.tokenizer_sha256 =
        tokenizer_sha256.empty() ? tokenizer_->Sha256() : tokenizer_sha256;
    Json entries = Json::array();
    const auto total = static_cast<std::ptrdiff_t>(trees.size());
    for (int k = 0; k < shards; ++k) {
      const std::string path = ShardPath(dir, k);
      WriteTraceShard(
          RealEnv(), path,
          {trees.begin() + total * k / shards, trees.begin() + total * (k + 1) / shards},
          provenance, Json::object());
      entries.push_back(
          {{"name", BaseName(path)}, {"sha256", Sha256OfFile(RealEnv(), path)}, {"records", 0}});
    }
    WriteStageManifest(testing::ContextOf(RealEnv(), dir, name, 1),
                       {{"problems", trees.size()}, {"shards", entries}}, Json::object());
    return {.name = name, .stage_dir = dir};
  }

  /// `count` problems with random traces: some wrong, some twice, some cut.
  std::vector<TraceTree> RandomTrees(int count, uint64_t seed) const {
    std::vector<TraceTree> trees;
    for (const Problem& problem : testing::DigitProblems(count)) {
      Rng rng = Rng::Derive({seed, std::string_view(problem.question.id)});
      std::vector<testing::Trace> traces;
      for (int i = 0; i < 10; ++i) {
        const bool right = rng.NextBelow(2) == 0;
        const std::string text =
            right ? *task_.Solve(problem.question, rng) : *task_.RandomPlay(problem.question, rng);
        traces.push_back({text,
                          rng.NextBelow(8) == 0 ? Verdict::kTruncated
                                                : task_.GetVerifier().Check(problem.question, text),
                          -static_cast<float>(rng.NextDouble())});
        if (i % 4 == 3) traces.push_back(traces.back());
      }
      trees.push_back(TreeOf(*tokenizer_, problem.question.id, problem.question.prompt, traces));
    }
    return trees;
  }

  static FilterConfig Config(const std::string& yaml) {
    const auto document = testing::ParseConfig("{inputs: [teacher], " + yaml + "}");
    FilterConfig config = FilterConfig::FromConfig(document->Root());
    document->Finish();
    return config;
  }

  FilterInputs Inputs(std::vector<FilterInput> generate) const {
    return {.task = task_,
            .tokenizer = *tokenizer_,
            .generate = std::move(generate),
            .gold = gold_,
            .gold_traces = 3,
            .held_out = {held_out_}};
  }

  void Run(const std::string& name, const FilterConfig& config, const FilterInputs& inputs,
           Env& env = RealEnv()) const {
    RealEnv().CreateDirs(Dir(name));
    RunFilterStage(config, inputs, testing::ContextOf(env, Dir(name), name, 3));
  }

  std::string Dir(const std::string& name) const { return JoinPath(root_, name); }
  Json Funnel(const std::string& name) const {
    return ParseJson(RealEnv().ReadFile(JoinPath(Dir(name), "funnel.json")), "funnel.json");
  }
  std::vector<Json> Fates(const std::string& name) const {
    std::vector<Json> fates;
    for (const std::string& line :
         Split(RealEnv().ReadFile(JoinPath(Dir(name), "fates.jsonl")), '\n')) {
      if (!line.empty()) fates.push_back(ParseJson(line, "fates.jsonl"));
    }
    return fates;
  }
  Dataset Examples(const std::string& name) const {
    return ReadDataset(RealEnv(), JoinPath(Dir(name), "dataset.h5"));
  }
  std::string DatasetBytes(const std::string& name) const {
    return RealEnv().ReadFile(JoinPath(Dir(name), "dataset.h5"));
  }

  std::string root_;
  std::vector<Problem> gold_;
  std::vector<Problem> held_out_;
};

TEST_F(FilterStageTest, EveryCandidateHasExactlyOneFateAndTheCountsAddUp) {
  held_out_ = {testing::DigitProblems(13)[12]};  // "0 1 2", canonically also "0 2 1"
  Run("out", Config(kAllFilters), Inputs({Stage("teacher", RandomTrees(30, 1))}));
  const Json funnel = Funnel("out");
  EXPECT_EQ(funnel.at("input"), 30 * 12);
  int64_t flow = funnel.at("input").get<int64_t>();
  std::map<std::string, int64_t> dropped;
  for (const Json& filter : funnel.at("filters")) {
    EXPECT_EQ(filter.at("in"), flow);
    flow = filter.at("out").get<int64_t>();
    int64_t reasons = 0;
    std::map<std::string, int64_t> samples;
    for (const auto& [kind, count] : filter.at("reasons").items()) {
      reasons += count.get<int64_t>();
      samples[kind] = std::min<int64_t>(3, count.get<int64_t>());
    }
    EXPECT_EQ(reasons, filter.at("in").get<int64_t>() - flow);
    if (reasons > 0) dropped[filter.at("name").get<std::string>()] = reasons;
    for (const Json& sample : filter.at("samples")) --samples[sample.at("kind")];
    for (const auto& [kind, left] : samples) EXPECT_EQ(left, 0) << kind;
  }
  EXPECT_EQ(funnel.at("kept"), flow);
  EXPECT_EQ(dropped.size(), 7U) << "not every filter had something to do: " << DumpJson(dropped);
  std::map<std::pair<std::string, int>, int> seen;
  for (const Json& fate : Fates("out")) {
    ++seen[{fate.at("problem"), fate.at("node")}];
    if (!fate.at("kept").get<bool>()) --dropped[fate.at("dropped_by")];
  }
  EXPECT_EQ(seen.size(), 360U);
  for (const auto& [candidate, times] : seen) EXPECT_EQ(times, 1) << candidate.first;
  for (const auto& [name, left] : dropped) EXPECT_EQ(left, 0) << name;
  EXPECT_EQ(static_cast<int64_t>(Examples("out").examples.size()), flow);
}

TEST_F(FilterStageTest, TheManifestSaysWhatTheDatasetHolds) {
  gold_ = testing::DigitProblems(4, "gold");
  Run("out", Config(StrCat(kAllFilters, ", gold_split: gold")),
      Inputs({Stage("teacher", RandomTrees(20, 1))}));
  const Json content = ReadStageManifest(RealEnv(), Dir("out"))->content;
  const Dataset dataset = Examples("out");
  EXPECT_EQ(dataset.view, "completion");
  EXPECT_EQ(dataset.tokenizer_sha256, tokenizer_->Sha256());
  EXPECT_EQ(content.at("examples"), dataset.examples.size());
  EXPECT_EQ(
      content.at("gold_examples").get<int64_t>() + content.at("trace_examples").get<int64_t>(),
      content.at("examples").get<int64_t>());
  EXPECT_EQ(content.at("completion_tokens"), 4 * dataset.examples.size());
  EXPECT_EQ(content.at("tokens"), 8 * dataset.examples.size());
  EXPECT_EQ(content.at("dataset_sha256"), Sha256(DatasetBytes("out")));
  EXPECT_EQ(content.at("funnel").at("input"), 240);
  EXPECT_GT(content.at("diversity").at("pairs"), 0);
}

TEST_F(FilterStageTest, DiversityIsTheMeanOverPairsOfOneProblem) {
  Run("out", Config("filters: [{name: verified}]"),
      Inputs(
          {Stage("teacher", {TreeOf(*tokenizer_, "a", "1 2 3", {{"1 2 3"}, {"1 2 4"}, {"9 2 3"}}),
                             TreeOf(*tokenizer_, "b", "1 2 3", {{"1 2 3"}})})}));
  const Json diversity = Funnel("out").at("diversity");
  EXPECT_EQ(diversity.at("pairs"), 3);
  EXPECT_DOUBLE_EQ(diversity.at("shared_positions").get<double>(), (2.0 + 2 + 1) / 9);
  EXPECT_DOUBLE_EQ(diversity.at("shared_prefix").get<double>(), 2.0 / 3);
}

TEST_F(FilterStageTest, TheNumberOfShardsDoesNotMatter) {
  const FilterConfig config = Config(kAllFilters);
  Run("one", config, Inputs({Stage("teacher", RandomTrees(20, 1), 1)}));
  std::filesystem::remove_all(JoinPath(root_, "generate"));
  Run("four", config, Inputs({Stage("teacher", RandomTrees(20, 1), 4)}));
  EXPECT_EQ(DatasetBytes("one"), DatasetBytes("four"));
  EXPECT_EQ(Funnel("one"), Funnel("four"));
  EXPECT_EQ(Fates("one"), Fates("four"));
}

TEST_F(FilterStageTest, ARepeatedRunGivesTheSameBytes) {
  const FilterInputs inputs = Inputs({Stage("teacher", RandomTrees(20, 1))});
  Run("out", Config(kAllFilters), inputs);
  const std::string bytes = DatasetBytes("out");
  RealEnv().Remove(JoinPath(Dir("out"), "MANIFEST.json"));
  Run("out", Config(kAllFilters), inputs);
  EXPECT_EQ(DatasetBytes("out"), bytes);
}

TEST_F(FilterStageTest, CapsAndDuplicatesHoldAcrossInputs) {
  const TraceTree first = TreeOf(*tokenizer_, "p", "1 2 3", {{"1 2 3"}, {"6 0 0"}});
  const TraceTree second = TreeOf(*tokenizer_, "p", "1 2 3", {{"1 2 3"}, {"5 1 0"}, {"4 2 0"}});
  const TraceTree alone = TreeOf(*tokenizer_, "q", "1 1", {{"1 1 0"}});
  const FilterInputs inputs = Inputs({Stage("b", {first}), Stage("a", {second, alone})});
  Run("out",
      Config("filters: [{name: exact_duplicate}, {name: cap, per_problem: 3, order: first}]"),
      inputs);
  std::vector<std::string> labels;
  for (const Example& example : Examples("out").examples) {
    labels.push_back(StrCat(example.problem_id, " ", example.source, " ", example.node));
  }
  EXPECT_EQ(labels, (std::vector<std::string>{"p b 1", "p b 2", "p a 2", "q a 1"}));
}

TEST_F(FilterStageTest, HeldOutProblemsAreDroppedByCanonicalKey) {
  held_out_ = {Problem{.question = {.id = "test-7", .prompt = "3 2 1"}}};
  Run("out", Config("filters: [{name: verified}]"),
      Inputs({Stage("teacher", {TreeOf(*tokenizer_, "a", "1 2 3", {{"1 2 3"}, {"6 0 0"}}),
                                TreeOf(*tokenizer_, "b", "1 1", {{"2 0 0"}})})}));
  EXPECT_EQ(Funnel("out").at("filters").at(0).at("name"), "decontaminate");
  EXPECT_EQ(Funnel("out").at("filters").at(0).at("reasons").at("held out"), 2);
  EXPECT_EQ(Fates("out").at(0).at("reason"), "held out: same canonical problem as test-7");
  EXPECT_EQ(Examples("out").examples.size(), 1U);
}

TEST_F(FilterStageTest, GoldIsMixedInWithoutHeldOutProblems) {
  gold_ = {Problem{.question = {.id = "g1", .prompt = "1 2"}},
           Problem{.question = {.id = "g2", .prompt = "3 2 1"}}};
  held_out_ = {Problem{.question = {.id = "t", .prompt = "1 2 3"}}};
  Run("out", Config("gold_split: gold, filters: [{name: verified}]"), Inputs({}));
  const std::vector<Example> examples = Examples("out").examples;
  ASSERT_EQ(examples.size(), 3U);
  for (const Example& example : examples) {
    EXPECT_EQ(example.problem_id, "g1");
    EXPECT_EQ(example.source, "gold");
    EXPECT_EQ(example.node, -1);
    EXPECT_EQ(example.completion_ids.back(), tokenizer_->Specials().eos);
    EXPECT_EQ(example.prompt_ids, (std::vector<int32_t>{1, 5, 6}));
  }
  EXPECT_EQ(Funnel("out").at("gold"), 3);
  EXPECT_EQ(Funnel("out").at("gold_dropped").at("held out"), 3);
}

TEST_F(FilterStageTest, GoldIsAugmentedRepeatedAndNeverTwiceByChance) {
  gold_ = {Problem{.question = {.id = "g1", .prompt = "1 2"}},
           Problem{.question = {.id = "g2", .prompt = "4 4"}}};
  const FilterConfig config =
      Config("gold_split: gold, augment_gold: true, gold_repeat: 2, filters: [{name: verified}]");
  const HeldOut nothing(task_, {}, 8);
  const GoldExamples gold = MakeGold(config, Inputs({}), nothing, 3);
  // Three traces of "1 2" and their images under "2 1"; "4 4" is its own image. Each twice.
  EXPECT_EQ(gold.examples.size(), 2U * (3 * 2 + 3));
  EXPECT_EQ(gold.dropped.at("same prompt and solution"), 3);
  EXPECT_EQ(gold.examples[0], gold.examples[1]);
  EXPECT_EQ(gold.examples[2].prompt_ids, (std::vector<int32_t>{1, 6, 5}));
  EXPECT_EQ(MakeGold(config, Inputs({}), nothing, 3).examples, gold.examples);
  EXPECT_NE(MakeGold(config, Inputs({}), nothing, 4).examples, gold.examples);
}

TEST_F(FilterStageTest, TheLimitKeepsAKeyedChoiceAndTellsTheOthersFate) {
  const FilterInputs inputs = Inputs({Stage("teacher", RandomTrees(30, 1))});
  Run("all", Config(kAllFilters), inputs);
  Run("ten", Config(StrCat(kAllFilters, ", limit: 10")), inputs);
  Run("twenty", Config(StrCat(kAllFilters, ", limit: 20")), inputs);
  const std::vector<Example> all = Examples("all").examples;
  const std::vector<Example> ten = Examples("ten").examples;
  const std::vector<Example> twenty = Examples("twenty").examples;
  ASSERT_GT(all.size(), 20U);
  ASSERT_EQ(ten.size(), 10U);
  ASSERT_EQ(twenty.size(), 20U);
  for (const Example& example : ten) {
    EXPECT_NE(std::ranges::find(twenty, example), twenty.end());
  }
  const Json last = Funnel("ten").at("filters").back();
  EXPECT_EQ(last.at("name"), "limit");
  EXPECT_EQ(last.at("reasons").at("over the limit"), all.size() - 10);
  EXPECT_EQ(Funnel("ten").at("kept"), 10);
}

TEST_F(FilterStageTest, ExplainTellsATracesFate) {
  Run("out", Config("filters: [{name: verified}]"),
      Inputs({Stage("teacher", {TreeOf(*tokenizer_, "p1", "1 2 3",
                                       {{"1 2 4", Verdict::kIncorrect}, {"1 2 3"}}),
                                TreeOf(*tokenizer_, "p12", "1 2 3", {{"6 0 0"}})})}));
  EXPECT_EQ(
      ExplainFate(RealEnv(), Dir("out"), "p1", -1),
      (std::vector<std::string>{"node 1 of teacher (incorrect): dropped by verified - incorrect",
                                "node 2 of teacher (correct): kept"}));
  EXPECT_EQ(ExplainFate(RealEnv(), Dir("out"), "p1", 2).size(), 1U);
  EXPECT_TRUE(ExplainFate(RealEnv(), Dir("out"), "p2", -1).empty());
}

/// The message of the error that a run throws; "" if none.
template <typename Call>
std::string MessageOf(const Call& call) {
  try {
    call();
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

TEST_F(FilterStageTest, NothingLeftIsAnErrorThatPointsToTheFunnel) {
  const FilterInputs inputs =
      Inputs({Stage("teacher", {TreeOf(*tokenizer_, "p", "1 2 3", {{"1", Verdict::kUnparsed}})})});
  const std::string message =
      MessageOf([&] { Run("out", Config("filters: [{name: verified}]"), inputs); });
  EXPECT_NE(message.find("all 1 candidates were dropped"), std::string::npos) << message;
  EXPECT_EQ(Funnel("out").at("filters").at(1).at("reasons").at("unparsed"), 1);
}

TEST_F(FilterStageTest, ADamagedShardIsNamed) {
  const FilterInput input = Stage("teacher", RandomTrees(8, 1), 2);
  const std::string path = ShardPath(input.stage_dir, 1);
  RealEnv().Truncate(path, RealEnv().FileSize(path) - 1);
  const std::string message = MessageOf([&] { Run("out", Config(kAllFilters), Inputs({input})); });
  EXPECT_NE(message.find("shard-00001.h5"), std::string::npos) << message;
}

TEST_F(FilterStageTest, AStageThatHasNotFinishedIsRefused) {
  const FilterInput input = Stage("teacher", RandomTrees(8, 1));
  RealEnv().Remove(JoinPath(input.stage_dir, "MANIFEST.json"));
  const std::string message = MessageOf([&] { Run("out", Config(kAllFilters), Inputs({input})); });
  EXPECT_NE(message.find("input teacher"), std::string::npos) << message;
  EXPECT_NE(message.find("has not finished"), std::string::npos) << message;
}

TEST_F(FilterStageTest, AnotherTokenizersTracesAreRefused) {
  const FilterInput input = Stage("teacher", RandomTrees(8, 1), 1, "other");
  const std::string message = MessageOf([&] { Run("out", Config(kAllFilters), Inputs({input})); });
  EXPECT_NE(message.find("another tokenizer"), std::string::npos) << message;
}

TEST_F(FilterStageTest, AGoldSplitWithoutTracesIsRefused) {
  FilterInputs inputs = Inputs({});
  inputs.gold_traces = 0;
  const std::string message = MessageOf(
      [&] { Run("out", Config("gold_split: gold, filters: [{name: verified}]"), inputs); });
  EXPECT_NE(message.find("set problems.gold.traces"), std::string::npos) << message;
}

/// Every fourth call that changes the file system fails, from its parameter on.
class FilterStageFault : public FilterStageTest, public ::testing::WithParamInterface<int> {};

TEST_P(FilterStageFault, IsReportedAndTheNextRunEndsInTheSameBytes) {
  const FilterInputs inputs = Inputs({Stage("teacher", RandomTrees(6, 1))});
  const FilterConfig config = Config(kAllFilters);
  Run("whole", config, inputs);
  FaultyEnv env(RealEnv());
  bool succeeded = false;
  for (int64_t nth = GetParam(); !succeeded && nth < 100; nth += 4) {
    const std::string name = StrCat("fault", nth);
    env.FailAt(nth, true);
    try {
      Run(name, config, inputs, env);
      succeeded = true;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ExitCode::kIo) << e.what();
    }
    Run(name, config, inputs);
    EXPECT_EQ(DatasetBytes(name), DatasetBytes("whole"));
  }
  EXPECT_TRUE(succeeded);
}

INSTANTIATE_TEST_SUITE_P(EveryFourth, FilterStageFault, ::testing::Range(1, 5));

TEST(FilterConfig, SomethingToLearnFromMustBeNamed) {
  const auto document = testing::ParseConfig("filters: [{name: verified}]");
  FilterConfig::FromConfig(document->Root());
  const std::string message = MessageOf([&] { document->Finish(); });
  EXPECT_NE(message.find("nothing to learn from"), std::string::npos) << message;
}

}  // namespace
}  // namespace retort
