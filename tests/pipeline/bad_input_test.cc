// Every failure ends in one line that says what, where, why and what next, and the right exit code.

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "pipeline_testing.h"

namespace retort::testing {
namespace {

using ::testing::HasSubstr;

class BadInput : public PipelineTest {
 protected:
  void ExpectConfigError(const std::string& override_text, const std::string& message) {
    const Result result = RunTiny("config", {override_text});
    EXPECT_EQ(result.code, 78) << override_text;
    EXPECT_THAT(result.err, HasSubstr(message)) << override_text;
  }
  /// Trains the tiny teacher and returns its checkpoint folder.
  std::string Teacher() {
    EXPECT_EQ(RunTiny("filter", {"filter.traces.inputs=[]"}).code, 0);
    EXPECT_EQ(RunTiny("train", {"filter.traces.inputs=[]"}).code, 0);
    for (const auto& entry : std::filesystem::directory_iterator(Path("runs/tiny/train"))) {
      if (entry.path().filename().string().rfind("teacher-", 0) == 0)
        return entry.path().string() + "/model";
    }
    return "";
  }
  /// Exit code and standard error of a child that runs `arguments` under a file size limit.
  Result WithFileSizeLimit(uint64_t bytes, const std::vector<std::string>& arguments) {
    const std::string log = Path("child.err");
    const pid_t child = fork();
    if (child == 0) {
      InstallStopHandlers();
      const rlimit limit{bytes, bytes};
      setrlimit(RLIMIT_FSIZE, &limit);
      std::ostringstream out, err;
      const int code = RunCommandLine(RealEnv(), arguments, out, err);
      const rlimit none{RLIM_INFINITY, RLIM_INFINITY};
      setrlimit(RLIMIT_FSIZE, &none);
      _exit(err.str().find("File too large") != std::string::npos ? code : 99);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status), "", ""};
  }
};

TEST_F(BadInput, DoctorPrintsAVerifiersErrorRatesAndFailsOnAMistake) {
  Write("right.jsonl", "{\"gold\":\"1/2\",\"text\":\"0.5\",\"accept\":true}\n");
  Write("wrong.jsonl", "{\"gold\":\"1/2\",\"text\":\"0.5\",\"accept\":false}\n");
  const auto audit = [this](const std::string& verifier, const std::string& pairs) {
    return Retort({"doctor", "--verifier", verifier, "--pairs", Path(pairs)});
  };
  const Result right = audit("math", "right.jsonl");
  EXPECT_EQ(right.code, 0);
  EXPECT_THAT(right.out, HasSubstr("0 false positives (0), 0 false negatives (0)"));
  const Result wrong = audit("math", "wrong.jsonl");
  EXPECT_EQ(wrong.code, 65);
  EXPECT_THAT(wrong.out, HasSubstr("wrong.jsonl:1: should be refused, is correct"));
  EXPECT_EQ(audit("maths", "right.jsonl").code, 64);
  EXPECT_EQ(audit("math", "nowhere.jsonl").code, 65);
}

TEST_F(BadInput, DoctorAuditsTheVerifierOfAnExperiment) {
  Write("tiny.yaml", "task: {name: jsonl, verifier: {name: command, argv: [sh, -c, '" +
                         std::string(R"(while read -r line; do case "$line" in *0.5*) v=correct;; )"
                                     R"(*) v=incorrect;; esac; n=$((n+1)); )"
                                     R"(echo "{\"request\":$n,\"verdict\":\"$v\"}"; done)") +
                         "']}}\n");
  Write("pairs.jsonl",
        "{\"gold\":\"1/2\",\"text\":\"0.5\",\"accept\":true}\n"
        "{\"gold\":\"1/2\",\"text\":\"0.6\",\"accept\":false}\n");
  const auto audit = [this](const std::string& verifier) {
    return Retort(
        {"doctor", Path("tiny.yaml"), "--verifier", verifier, "--pairs", Path("pairs.jsonl")});
  };
  const Result right = audit("command");
  EXPECT_EQ(right.code, 0) << right.err;
  EXPECT_THAT(right.out, HasSubstr("0 false positives (0), 0 false negatives (0)"));
  EXPECT_EQ(audit("math").code, 64);
  const Result bare = Retort({"doctor", "--verifier", "command"});
  EXPECT_EQ(bare.code, 64);
  EXPECT_THAT(bare.err, HasSubstr("experiment file"));
}

TEST_F(BadInput, UnknownKeyIsNamedWithItsLineAndTheNearestKey) {
  Write("tiny.yaml", std::string(kTinyExperiment) + "sed: 4\n");
  const Result result = RunTiny("run");
  EXPECT_EQ(result.code, 78);
  EXPECT_THAT(result.err, HasSubstr("tiny.yaml:"));
  EXPECT_THAT(result.err, HasSubstr("unknown key"));
  EXPECT_THAT(result.err, HasSubstr("seed"));
}

TEST_F(BadInput, EveryProblemOfAFileIsReportedAtOnce) {
  const Result result =
      RunTiny("run", {"train.student.stepz=5", "train.student.optimizer.lr=-1", "seed=abc"});
  EXPECT_EQ(result.code, 78);
  EXPECT_THAT(result.err, HasSubstr("stepz"));
  EXPECT_THAT(result.err, HasSubstr("train.student.optimizer.lr"));
  EXPECT_THAT(result.err, HasSubstr("seed"));
  EXPECT_THAT(result.err, HasSubstr("3 problems"));
}

TEST_F(BadInput, ReferencesToStagesAndSplitsAreChecked) {
  ExpectConfigError("train.student.data=tracez", "did you mean \"traces\"?");
  ExpectConfigError("generate.search.problems=serch", "did you mean \"search\"?");
  ExpectConfigError("filter.traces.inputs=[serch]", "did you mean \"search\"?");
  ExpectConfigError("generate.search.model=teecher", "did you mean \"teacher\"?");
  ExpectConfigError("generate.search.strategy.name=best_of_m", "best_of_n");
  ExpectConfigError("task.name=ring_sortt", "ring_sort");
  ExpectConfigError("task.size=40", "task.size");
  ExpectConfigError("train.teacher.init_from=student", "");
  ExpectConfigError("problems.gold.traces=0", "problems.gold.traces is 0");
}

TEST_F(BadInput, ASearchThatCannotCheckMayNotSelectByTheChecker) {
  Write("p.jsonl", "{\"question\": \"1+1?\", \"answer\": \"#### 2\"}\n");
  Write("j.yaml", "name: j\ntask: {name: jsonl, file: " + Path("p.jsonl") +
                      "}\nproblems: {search: {share: 1}}\ngenerate:\n  s: {model: ./m, problems: "
                      "search, strategy: {name: best_of_n, n: 4}}\n");
  const Result refused = Retort({"config", Path("j.yaml")});
  EXPECT_EQ(refused.code, 78);
  EXPECT_THAT(refused.err, HasSubstr("cannot be checked without the gold answer"));
  EXPECT_EQ(Retort({"config", Path("j.yaml"), "generate.s.strategy.select=vote"}).code, 0);
}

TEST_F(BadInput, APlayerThatTheTaskLacksIsRefusedBeforeAnyStage) {
  Write("p.jsonl", "{\"question\": \"1+1?\", \"answer\": \"#### 2\"}\n");
  Write("j.yaml", "name: j\ntask: {name: jsonl, file: " + Path("p.jsonl") +
                      "}\nproblems: {search: {share: 1}}\ngenerate:\n  s: {problems: search, "
                      "strategy: {name: random_play}}\n");
  const Result refused = Retort({"run", Path("j.yaml"), "--runs", Path("runs")});
  EXPECT_EQ(refused.code, 78);
  EXPECT_THAT(refused.err, HasSubstr("generate.s: task jsonl has no player for random_play"));
  EXPECT_FALSE(std::filesystem::exists(Path("runs")));
}

TEST_F(BadInput, MissingFilesAreNamed) {
  EXPECT_THAT(Retort({"run", Path("none.yaml")}).err,
              HasSubstr("none.yaml: no such experiment file"));
  const Result result = RunTiny("generate", {"generate.search.model=./nowhere"});
  EXPECT_EQ(result.code, 65);
  EXPECT_THAT(result.err, HasSubstr("./nowhere: no such model"));
}

TEST_F(BadInput, TeacherAndTokenizerThatDisagreeAreRefused) {
  const std::string teacher = Teacher();
  const Result result = RunTiny("generate", {"generate.search.model=" + teacher, "task.size=6"});
  EXPECT_EQ(result.code, 65);
  EXPECT_THAT(result.err, HasSubstr("tokenizer"));
}

TEST_F(BadInput, BrokenProblemLineIsRefusedOrSkippedAsTheConfigSays) {
  Write("problems.jsonl", "{\"tiles\":[2,1,3,4,5,6,7]}\n{\"tiles\":[1,1,3,4,5,6,7]}\n");
  const std::string file = "problems.search.file=" + Path("problems.jsonl");
  const Result refused = RunTiny("run", {file, "problems.search.share=0", "--dry-run"});
  EXPECT_EQ(refused.code, 65);
  EXPECT_THAT(refused.err, HasSubstr("problems.jsonl:2"));
  const Result skipped = RunTiny(
      "run", {file, "problems.search.share=0", "problems.search.on_error=skip", "--dry-run"});
  EXPECT_EQ(skipped.code, 0) << skipped.err;
  EXPECT_THAT(skipped.out, HasSubstr("problems search: 1"));
}

TEST_F(BadInput, CheckpointWithMissingTensorsNamesThem) {
  const std::string teacher = Teacher();
  std::string config = Read(teacher + "/config.json");
  const size_t at = config.find("\"num_hidden_layers\"");
  ASSERT_NE(at, std::string::npos);
  config.replace(config.find('2', at), 1, "3");
  std::ofstream(teacher + "/config.json") << config;
  const Result result = RunTiny("generate", {"generate.search.model=" + teacher});
  EXPECT_EQ(result.code, 65);
  EXPECT_THAT(result.err, HasSubstr("model.layers.2"));
}

TEST_F(BadInput, HugeSingleLinesAreRefusedWithoutBeingHeld) {
  const std::string teacher = Teacher();
  const auto huge = [](const std::string& path, uint64_t mib = 512) {
    std::filesystem::resize_file(path, mib << 20);  // the rest is one line of NULs
  };
  Write("problems.jsonl", "{\"tiles\": [");
  huge(Path("problems.jsonl"), 2048);
  Write("huge.yaml", "name: ");
  huge(Path("huge.yaml"));
  for (const char* name : {"config.json", "tokenizer.json", "tokenizer_config.json"}) {
    std::filesystem::copy(teacher, Path(name), std::filesystem::copy_options::recursive);
    huge(Path(name) + "/" + name);
  }
  [[maybe_unused]] const uint64_t before = PeakResidentBytes();
  const auto expect = [&](const Result& result, const std::string& named) {
    EXPECT_EQ(result.code, 65) << named;
    EXPECT_THAT(result.err, HasSubstr(named));
    EXPECT_LE(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  };
  const std::string problems = "problems.search.file=" + Path("problems.jsonl");
  expect(RunTiny("run", {problems, "problems.search.share=0", "--dry-run"}), "problems.jsonl:1");
  expect(Retort({"config", Path("huge.yaml")}), "huge.yaml");
  for (const char* name : {"config.json", "tokenizer.json", "tokenizer_config.json"}) {
    expect(RunTiny("generate", {"generate.search.model=" + Path(name)}), name);
  }
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // they take memory too
  EXPECT_LT(PeakResidentBytes() - before, uint64_t{256} << 20);
#endif
}

TEST_F(BadInput, SymbolicLinksThatGoInCirclesAreNamed) {
  std::filesystem::create_symlink(Path("loop"), Path("loop"));
  const Result model = RunTiny("generate", {"generate.search.model=" + Path("loop")});
  EXPECT_EQ(model.code, 74);
  EXPECT_THAT(model.err, HasSubstr("loop: Too many levels of symbolic links"));
  EXPECT_EQ(Retort({"run", Path("loop")}).code, 74);
  EXPECT_EQ(Retort({"inspect", Path("loop")}).code, 74);
  const Result problems = RunTiny(
      "run", {"problems.search.file=" + Path("loop"), "problems.search.share=0", "--dry-run"});
  EXPECT_EQ(problems.code, 74);
  EXPECT_THAT(problems.err, HasSubstr("Too many levels of symbolic links"));
}

TEST_F(BadInput, SecondRunInOneFolderLeavesWithTheHoldersName) {
  std::string holder;
  std::filesystem::create_directories(Path("runs/tiny"));
  // A lock of another process: flock is per open file, so a child holds it.
  int ready[2], done[2];
  ASSERT_EQ(pipe(ready), 0);
  ASSERT_EQ(pipe(done), 0);
  const pid_t child = fork();
  if (child == 0) {
    const auto lock = RealEnv().TryLock(Path("runs/tiny/.lock"), &holder);
    char byte = lock ? 'y' : 'n';
    if (write(ready[1], &byte, 1) != 1 || read(done[0], &byte, 1) != 1) _exit(1);
    _exit(0);
  }
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  ASSERT_EQ(byte, 'y');
  const Result result = RunTiny("run");
  EXPECT_EQ(write(done[1], &byte, 1), 1);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(result.code, 75);
  EXPECT_THAT(result.err, HasSubstr("another run holds this folder"));
  EXPECT_THAT(result.err, HasSubstr("pid"));
}

TEST_F(BadInput, InterruptKeepsStateAndSaysHowToGoOn) {
  SetStopRequested(2);
  const Result result = RunTiny("run");
  SetStopRequested(0);
  EXPECT_EQ(result.code, 130);
  EXPECT_THAT(result.err, HasSubstr("run the same command again"));
  EXPECT_EQ(RunTiny("run").code, 0);
}

TEST_F(BadInput, FullDiskEndsWithExitCode74AndTheRunGoesOnAfterwards) {
  const std::vector<std::string> arguments = {"run", Path("tiny.yaml"), "--runs", Path("runs")};
  EXPECT_EQ(WithFileSizeLimit(4096, arguments).code, 74);
  EXPECT_EQ(WithFileSizeLimit(20000, arguments).code, 74);
  const Result result = RunTiny("run");
  EXPECT_EQ(result.code, 0) << result.err;
}

TEST_F(BadInput, FullDiskAtAnyMomentOfEveryStageLosesNothing) {
  FaultyEnv env(RealEnv());
  std::ostringstream out, err;
  const auto run = [&](const std::string& runs) {
    err.str("");
    return RunCommandLine(env, {"run", Path("tiny.yaml"), "--runs", Path(runs)}, out, err);
  };
  env.FailAt(0, /*sticky=*/false);
  ASSERT_EQ(run("undisturbed"), 0) << err.str();
  const int64_t calls = env.calls();
  ASSERT_GE(calls, 200);
  const std::vector<std::string> expected = ContentHashes(Path("undisturbed"));
  std::set<std::string> stages;  // that were under way when the disk was full
  constexpr int kMoments = 16;
  for (int moment = 0; moment < kMoments; ++moment) {
    env.FailAt(1 + calls * (2 * moment + 1) / (2 * kMoments), /*sticky=*/true);
    EXPECT_EQ(run("full"), 74) << err.str();
    EXPECT_THAT(err.str(), HasSubstr("No space left on device"));
    for (const char* stage : {"generate", "filter", "train", "eval"}) {
      if (err.str().find(std::string("/") + stage + "/") != std::string::npos) stages.insert(stage);
    }
    env.FailAt(0, /*sticky=*/false);
    ASSERT_EQ(run("full"), 0) << "after call " << calls * (2 * moment + 1) / (2 * kMoments);
    EXPECT_EQ(ContentHashes(Path("full")), expected);
    std::filesystem::remove_all(Path("full"));
  }
  EXPECT_THAT(stages, ::testing::IsSupersetOf({"generate", "train", "eval"}));
}

TEST_F(BadInput, UnwritableRunFolderIsNamed) {
  Write("file", "not a folder");
  const Result result = RunTiny("run", {}, "file");
  EXPECT_EQ(result.code, 74);
  EXPECT_THAT(result.err, HasSubstr("file"));
}

TEST_F(BadInput, CommandLineMistakesAreUsageErrors) {
  EXPECT_EQ(Retort({}).code, 64);
  EXPECT_EQ(Retort({"rum"}).code, 64);
  EXPECT_EQ(Retort({"run"}).code, 64);
  EXPECT_EQ(Retort({"inspect", Path("nothing")}).code, 65);
}

}  // namespace
}  // namespace retort::testing
