#include <gmock/gmock.h>

#include <algorithm>

#include "core/base/json.h"
#include "pipeline_testing.h"

namespace retort::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class Run : public PipelineTest {};

TEST_F(Run, WholeExperimentEndsWithAVerdictAndAReport) {
  const Result result = RunTiny("run");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("report.html"));
  const Json report = ParseJson(Read(Path("runs/tiny/report.json")), "report.json");
  EXPECT_EQ(report.at("arms").size(), 3u);
  EXPECT_FALSE(report.at("verdict").get<std::string>().empty());
  EXPECT_THAT(Read(Path("runs/tiny/report.html")), Not(HasSubstr("http://")));
}

TEST_F(Run, SecondRunVerifiesAndSkipsEverything) {
  ASSERT_EQ(RunTiny("run").code, 0);
  const auto before = ContentHashes(Path("runs"));
  ASSERT_FALSE(before.empty());
  const Result again = RunTiny("run");
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_EQ(ContentHashes(Path("runs")), before);
  EXPECT_THAT(RunTiny("status").out, Not(HasSubstr("to do")));
}

TEST_F(Run, StatusWhyNamesTheFirstChangedKey) {
  ASSERT_EQ(RunTiny("train", {}, "runs").code, 65);  // its data is not there yet
  ASSERT_EQ(RunTiny("run").code, 0);
  const Result why = RunTiny("status", {"--why", "train.student.optimizer.lr=0.02"});
  EXPECT_THAT(why.out, HasSubstr("config.optimizer.lr: 0.01 before, now 0.02"));
  const Result in_list = RunTiny("status", {"--why", "filter.traces.filters.2.per_problem=3"});
  EXPECT_THAT(in_list.out, HasSubstr("config.filters.2.per_problem: 2 before, now 3"));
}

TEST_F(Run, DamagedDataSetIsNamedAndRefused) {
  ASSERT_EQ(RunTiny("filter", {}).code, 65);
  ASSERT_EQ(RunTiny("run").code, 0);
  std::string dataset;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(Path("runs"))) {
    if (entry.path().filename() == "dataset.h5" &&
        entry.path().string().find("traces") != std::string::npos) {
      dataset = entry.path().string();
    }
  }
  std::string bytes = Read(dataset);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  std::ofstream(dataset, std::ios::binary) << bytes;
  const Result result = RunTiny("run");
  EXPECT_EQ(result.code, 65);
  EXPECT_THAT(result.err, HasSubstr("dataset.h5"));
}

TEST_F(Run, ExplainTellsEveryFateOfAProblem) {
  ASSERT_EQ(RunTiny("run").code, 0);
  std::string problem;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(Path("runs"))) {
    if (entry.path().filename() != "fates.jsonl") continue;
    const std::string text = Read(entry.path().string());
    if (!text.empty())
      problem =
          ParseJson(text.substr(0, text.find('\n')), "fates").at("problem").get<std::string>();
  }
  ASSERT_FALSE(problem.empty());
  const Result result = RunTiny("filter", {"--explain", problem});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("filter.traces"));
  EXPECT_EQ(RunTiny("filter", {"--explain", "nobody"}).code, 65);
}

TEST_F(Run, DryRunPrintsThePlanAndTheFirstPromptAndWritesNothing) {
  const Result result = RunTiny("run", {"--dry-run"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("task ring_sort: sort 7 tiles"));
  EXPECT_THAT(result.out, HasSubstr("train.student: waiting"));
  EXPECT_THAT(result.out, HasSubstr("first prompt"));
  EXPECT_THAT(result.out, HasSubstr("<bos>"));
  EXPECT_FALSE(std::filesystem::exists(Path("runs")));
}

TEST_F(Run, InspectAndExportReadWhatStagesWrote) {
  ASSERT_EQ(RunTiny("run").code, 0);
  std::string stage, shard, fates;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(Path("runs"))) {
    if (entry.path().filename() == "shard-00000.h5") {
      shard = entry.path().string();
      stage = entry.path().parent_path().parent_path().string();
    }
    if (entry.path().filename() == "fates.jsonl") fates = entry.path().string();
  }
  const Result tree = Retort({"inspect", shard, "--limit", "1"});
  EXPECT_EQ(tree.code, 0) << tree.err;
  EXPECT_THAT(tree.out, HasSubstr("trees"));
  const Result kept = Retort({"inspect", fates, "--limit", "1"});
  EXPECT_EQ(kept.code, 0) << kept.err;
  EXPECT_THAT(kept.out, HasSubstr("JSON lines"));
  EXPECT_EQ(std::count(kept.out.begin(), kept.out.end(), '\n'), Read(fates).empty() ? 1 : 2);
  const Result lines = Retort({"export", stage, "--to", "jsonl"});
  EXPECT_EQ(lines.code, 0) << lines.err;
  EXPECT_TRUE(ParseJson(lines.out.substr(0, lines.out.find('\n')), "export").is_object());
  EXPECT_EQ(Retort({"inspect", Path("tiny.yaml")}).code, 0);
  EXPECT_EQ(Retort({"inspect", Path("runs/tiny")}).code, 0);
}

TEST_F(Run, ResolvedConfigReadsBackEqual) {
  const Result first = RunTiny("config");
  ASSERT_EQ(first.code, 0) << first.err;
  Write("resolved.yaml", first.out);
  const Result second = Retort({"config", Path("resolved.yaml")});
  EXPECT_EQ(second.out, first.out);
}

TEST_F(Run, SeveralSeedsAreSeparateStages) {
  const Result result = RunTiny("run", {"train.student.seeds=[1,2]"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(RunTiny("status", {"train.student.seeds=[1,2]"}).out, HasSubstr("train.student.s2"));
  const Json report = ParseJson(Read(Path("runs/tiny/report.json")), "report.json");
  EXPECT_EQ(report.at("arms")[0].at("seeds"), 2);
}

}  // namespace
}  // namespace retort::testing
