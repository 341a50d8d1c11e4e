// Exports of a filter stage in the shapes that trainers read.

#include <gmock/gmock.h>

#include <map>
#include <set>

#include "core/base/commit.h"
#include "core/base/stage.h"
#include "core/base/strings.h"
#include "core/task/task.h"
#include "core/trace/trace_store.h"
#include "pipeline/export_shapes.h"
#include "pipeline_testing.h"

namespace retort::testing {
namespace {

using ::testing::HasSubstr;

/// Right chains of the solver, and of the heuristic right and wrong ones: no model is needed.
const char* const kPlayers = R"(name: tiny
seed: 3
task: {name: ring_sort, size: 7, distance: 6}
problems:
  search: {count: 20, share: 0.5}
generate:
  solved: {problems: search, strategy: {name: solver, n: 2}}
  played: {problems: search, strategy: {name: heuristic_play, n: 6}}
filter:
  traces:
    inputs: [solved, played]
    filters:
      - {name: verified}
      - {name: exact_duplicate}
      - {name: cap, per_problem: 3}
    view: {name: completion}
)";

class Export : public PipelineTest {
 protected:
  void SetUp() override {
    PipelineTest::SetUp();
    Write("tiny.yaml", kPlayers);
    const Result result = RunTiny("run");
    ASSERT_EQ(result.code, 0) << result.err;
    for (const auto& entry : std::filesystem::directory_iterator(Path("runs/tiny/filter"))) {
      const std::string name = entry.path().filename().string();
      if (name.rfind("traces-", 0) == 0) stage_ = entry.path().string();
    }
    ASSERT_FALSE(stage_.empty());
  }

  std::vector<Json> Rows(const std::string& shape) {
    const std::string file = Path(shape + ".jsonl");
    const Result result = Retort({"export", stage_, "--shape", shape, "-o", file});
    EXPECT_EQ(result.code, 0) << result.err;
    std::vector<Json> rows;
    for (const std::string& line : Split(Read(file), '\n')) {
      if (!line.empty()) rows.push_back(ParseJson(line, file));
    }
    const Json manifest = ParseJson(Read(file + ".manifest.json"), file);
    EXPECT_EQ(manifest.at("rows"), rows.size());
    EXPECT_EQ(manifest.at("sha256"), Sha256(Read(file)));
    EXPECT_EQ(manifest.at("shape"), shape);
    EXPECT_EQ(manifest.at("source").at("stage"), BaseName(stage_));
    return rows;
  }
  /// Of every candidate: "source/problem#node" -> its fate.
  std::map<std::string, Json> Fates() {
    std::map<std::string, Json> fates;
    for (const std::string& line : Split(Read(stage_ + "/fates.jsonl"), '\n')) {
      if (line.empty()) continue;
      const Json fate = ParseJson(line, "fates");
      fates[KeyOf(fate, "problem")] = fate;
    }
    return fates;
  }
  static std::string KeyOf(const Json& row, const char* problem = "problem_id") {
    return StrCat(row.at("source"), "/", row.at(problem), "#", row.at("node"));
  }

  std::string stage_;
};

TEST_F(Export, EveryShapeHoldsTheKeptTracesAndNoOther) {
  std::set<std::string> kept;
  for (const auto& [key, fate] : Fates()) {
    if (fate.at("kept").get<bool>()) kept.insert(key);
  }
  ASSERT_GT(kept.size(), 3u);
  const std::vector<Json> messages = Rows("messages");
  const std::vector<Json> completions = Rows("prompt_completion");
  std::set<std::string> seen;
  ASSERT_EQ(messages.size(), completions.size());
  for (size_t i = 0; i < messages.size(); ++i) {
    seen.insert(KeyOf(messages[i]));
    const Json turns = messages[i].at("messages");
    ASSERT_EQ(turns.size(), 2u);
    const std::string prompt = turns[0].at("content").get<std::string>();
    EXPECT_EQ(turns[0], Json({{"role", "user"}, {"content", prompt}}));
    EXPECT_EQ(completions[i].at("prompt"), prompt + " ");  // words of the task's own vocabulary
    EXPECT_EQ(turns[1],
              Json({{"role", "assistant"}, {"content", completions[i].at("completion")}}));
  }
  EXPECT_EQ(seen, kept);
}

TEST_F(Export, APreferenceIsAKeptChainAndARefusedOneOfItsProblem) {
  const std::map<std::string, Json> fates = Fates();
  const std::vector<Json> rows = Rows("preference");
  ASSERT_FALSE(rows.empty());
  for (const Json& row : rows) {
    EXPECT_TRUE(fates.at(KeyOf(row)).at("kept").get<bool>());
    EXPECT_NE(row.at("chosen"), row.at("rejected"));
  }
}

TEST_F(Export, StepsAreLabelledUpToTheFirstWrongOne) {
  const std::map<std::string, Json> fates = Fates();
  int64_t wrong = 0;
  for (const Json& row : Rows("stepwise")) {
    const auto labels = row.at("labels").get<std::vector<bool>>();
    EXPECT_EQ(row.at("completions").size(), labels.size());
    EXPECT_TRUE(std::is_sorted(labels.rbegin(), labels.rend()));
    const bool kept = fates.at(KeyOf(row)).at("kept").get<bool>();
    EXPECT_EQ(kept, labels.back()) << row;
    wrong += kept ? 0 : 1;
  }
  EXPECT_GT(wrong, 0);
  EXPECT_THAT(Read(Path("stepwise.jsonl.manifest.json")), HasSubstr("\"labels\": \"checker\""));
}

/// A run folder by hand: one problem of free text with a right chain and two wrong ones.
class ExportOfText : public PipelineTest {
 protected:
  void SetUp() override {
    PipelineTest::SetUp();
    Env& env = RealEnv();
    stage_ = Path("runs/x/filter/t-2");
    const std::string generate = Path("runs/x/generate/s-1");
    env.CreateDirs(generate + "/shards");
    env.CreateDirs(stage_);
    const std::string task = "task: {name: jsonl, verifier: {name: exact}}\n";
    Write("runs/x/config.yaml", "name: x\ntokenizer: ./model\n" + task);
    WriteTraceShard(env, ShardPath(generate, 0), {Tree()}, {.tokenizer_sha256 = "t"}, Json());
    const Json shard = {{"name", "shard-00000.h5"},
                        {"sha256", Sha256OfFile(env, ShardPath(generate, 0))},
                        {"records", 1}};
    WriteStageManifest({.env = env, .dir = generate, .name = "s", .key = "1"},
                       {{"problems", 1}, {"shards", Json::array({shard})}}, Json());
    WriteStageManifest({.env = env, .dir = stage_, .name = "t", .key = "2"}, Json(), Json());
    const auto document = ConfigDocument::Parse(task, "task", {});
    const Json facts = {{"config", {{"inputs", Json::array({"s"})}}},
                        {"inputs", {{"generate.s", ReadStageManifest(env, generate)->sha256}}},
                        {"task", MakeTask(document->Root().Section("task"))->Identity()},
                        {"tokenizer", "t"},
                        {"verifier", "exact"}};
    Write("runs/x/filter/t-2/key.json", DumpJson({{"facts", facts}}));
    Write("runs/x/filter/t-2/fates.jsonl",
          "{\"problem\":\"p\",\"source\":\"s\",\"node\":1,\"kept\":true}\n");
  }

  static TraceTree Tree() {
    TraceTree tree{.problem_id = "p", .question = "Q:", .nodes = {Node{}}};
    const std::pair<const char*, Verdict> chains[] = {{"a\nb\nc", Verdict::kCorrect},
                                                      {"a\nx\nc", Verdict::kIncorrect},
                                                      {"a\nb", Verdict::kUnverified},
                                                      {"y", Verdict::kIncorrect}};
    for (const auto& [text, verdict] : chains) {
      Node& node = tree.nodes.at(static_cast<size_t>(tree.AddNode(0, {1}, text)));
      node.terminal = true;
      node.verdict = verdict;
    }
    return tree;
  }

  std::string stage_;
};

TEST_F(ExportOfText, StepsThatReachARightEndAreRight) {
  std::vector<Json> rows;
  const Json facts =
      ExportRows(RealEnv(), stage_, "stepwise", [&](const Json& row) { rows.push_back(row); });
  EXPECT_EQ(facts.at("labels"), "reached");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].at("completions"), Json({"a", "b", "c"}));
  EXPECT_EQ(rows[0].at("labels"), Json({true, true, true}));
  EXPECT_EQ(rows[0].at("prompt"), "Q:");
  EXPECT_EQ(rows[1].at("completions"), Json({"a", "x", "c"}));
  EXPECT_EQ(rows[1].at("labels"), Json({true, false, false}));
}

TEST_F(Export, WhatCannotBeExportedIsSaidInOneLine) {
  const Result other = Retort({"export", Path("runs/tiny"), "--shape", "messages"});
  EXPECT_EQ(other.code, 65);
  EXPECT_THAT(other.err, HasSubstr("not a finished filter stage"));
  EXPECT_EQ(Retort({"export", stage_, "--shape", "chatml"}).code, 64);
  std::filesystem::remove_all(Path("runs/tiny/generate"));
  const Result alone = Retort({"export", stage_, "--shape", "messages"});
  EXPECT_EQ(alone.code, 65);
  EXPECT_THAT(alone.err, HasSubstr("generate stage solved"));
}

}  // namespace
}  // namespace retort::testing
