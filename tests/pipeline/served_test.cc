// A generate stage whose teacher is served elsewhere, through the command line: faults and kills
// change no byte, and the key reaches no file.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "core/base/config.h"
#include "core/base/json.h"
#include "core/base/rng.h"
#include "core/task/task.h"
#include "pipeline_testing.h"
#include "tests/core/lm/fake_server.h"

namespace retort::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using testing_server::FakeServer;
using testing_server::FakeServerOptions;

constexpr const char* kKeyVariable = "RETORT_SERVED_TEST_KEY";
constexpr const char* kKey = "sk-never-to-be-seen";

constexpr const char* kServedExperiment = R"(name: served
seed: 3
threads: 2
task: {name: ring_sort, size: 7, distance: 6}
problems: {search: {count: 40, share: 1}}
generate:
  search:
    server:
      url: URL
      model: fake-7b
      api_key_env: RETORT_SERVED_TEST_KEY
      concurrency: 8
      timeout_seconds: 2
      backoff_seconds: 0.01
      price: {input_per_million: 1, output_per_million: 2}
    problems: search
    in_flight: 4
    strategy: {name: best_of_n, n: 4, select: checker}
)";

/// Moves and other words, by prompt and seed alone.
std::vector<int32_t> Play(const std::vector<int32_t>& prompt, uint64_t seed) {
  uint64_t sum = 0;
  for (const int32_t id : prompt) sum = sum * 31 + static_cast<uint64_t>(id);
  Rng rng = Rng::Derive({"play", sum, seed});
  std::vector<int32_t> ids(6);
  for (int32_t& id : ids) id = static_cast<int32_t>(4 + rng.NextBelow(7));
  return ids;
}

class Served : public PipelineTest {
 protected:
  void SetUp() override {
    PipelineTest::SetUp();
    ::setenv(kKeyVariable, kKey, 1);
    const auto document =
        ConfigDocument::Parse("task: {name: ring_sort, size: 7, distance: 6}", "task.yaml", {});
    tokenizer_ = MakeWordLevelTokenizer(MakeTask(document->Root().Section("task"))->Vocabulary());
  }
  void TearDown() override {
    ::unsetenv(kKeyVariable);
    PipelineTest::TearDown();
  }

  std::unique_ptr<FakeServer> Start(FakeServerOptions options = {}) const {
    options.key = kKey;
    options.script = Play;
    return std::make_unique<FakeServer>(*tokenizer_, std::move(options));
  }
  void WriteConfig(const FakeServer& server) const {
    std::string text = kServedExperiment;
    Write("served.yaml", text.replace(text.find("URL"), 3, server.url()));
  }
  Result Run(const std::string& command, const std::string& runs,
             std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments = {command, Path("served.yaml"), "--runs", Path(runs)};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Retort(arguments);
  }
  Json Manifest(const std::string& runs) const {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(Path(runs))) {
      if (entry.path().filename() == "MANIFEST.json") {
        return ParseJson(Read(entry.path().string()), "MANIFEST.json");
      }
    }
    ADD_FAILURE() << "no manifest under " << runs;
    return {};
  }
  /// Files under the test's folder that hold the key.
  std::vector<std::string> FilesWithKey() const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(dir_)) {
      const std::string path = entry.path().string();
      if (entry.is_regular_file() && Read(path).find(kKey) != std::string::npos) {
        found.push_back(path);
      }
    }
    return found;
  }
  /// `retort run` as a process of its own.
  pid_t StartProcess(const std::string& runs) const {
    const pid_t child = fork();
    if (child != 0) return child;
    const int null = open("/dev/null", O_WRONLY);
    dup2(null, 1);
    dup2(null, 2);
    const std::string config = Path("served.yaml"), folder = Path(runs);
    execl(RETORT_PROGRAM, "retort", "run", config.c_str(), "--runs", folder.c_str(), nullptr);
    _exit(127);
  }

  std::unique_ptr<Tokenizer> tokenizer_;
};

TEST_F(Served, FaultsChangeNoByteAndTheKeyReachesNoFile) {
  const auto steady = Start();
  WriteConfig(*steady);
  const Result undisturbed = Run("run", "steady");
  ASSERT_EQ(undisturbed.code, 0) << undisturbed.err;
  const auto faulty = Start({.fault_rate = 0.2});
  WriteConfig(*faulty);
  const Result disturbed = Run("run", "faulty");
  ASSERT_EQ(disturbed.code, 0) << disturbed.err;

  const auto hashes = ContentHashes(Path("steady"));
  ASSERT_EQ(hashes.size(), 1U);
  EXPECT_EQ(ContentHashes(Path("faulty")), hashes);  // in a folder of the same key, too
  EXPECT_GT(faulty->attempts(), steady->attempts());
  EXPECT_LE(faulty->attempts(), 160 * 1.3);
  const Json expected = Manifest("steady").at("run").at("served");
  Json served = Manifest("faulty").at("run").at("served");
  EXPECT_EQ(expected.at("requests"), 160);
  EXPECT_EQ(expected.at("attempts"), 160);
  EXPECT_EQ(served.at("attempts"), faulty->attempts());
  served["attempts"] = 160;
  EXPECT_EQ(served.at("prompt_tokens"), expected.at("prompt_tokens"));
  EXPECT_EQ(served.at("completion_tokens"), expected.at("completion_tokens"));
  EXPECT_NEAR(served.at("money"),
              (expected.at("prompt_tokens").get<double>() +
               2 * expected.at("completion_tokens").get<double>()) /
                  1e6,
              1e-12);
  EXPECT_EQ(FilesWithKey(), std::vector<std::string>());
  for (const Result& result : {undisturbed, disturbed}) {
    EXPECT_THAT(result.out + result.err, Not(HasSubstr(kKey)));
  }
}

TEST_F(Served, AKilledRunRepeatsOnlyWhatWasInFlight) {
  const auto steady = Start();
  WriteConfig(*steady);
  ASSERT_EQ(Run("run", "steady").code, 0);
  const auto server = Start({.seconds_per_answer = 0.01});
  WriteConfig(*server);
  int kills = 0;
  for (int64_t at = 20; at < 160; at += 40) {
    const pid_t child = StartProcess("killed");
    while (server->attempts() < at && waitpid(child, nullptr, WNOHANG) == 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    if (kill(child, SIGKILL) == 0) ++kills;
    waitpid(child, nullptr, 0);
  }
  EXPECT_EQ(kills, 4);
  const Result last = Run("run", "killed");
  ASSERT_EQ(last.code, 0) << last.err;
  EXPECT_EQ(ContentHashes(Path("killed")), ContentHashes(Path("steady")));
  // Four problems of four samples each are in flight, and four wait for the writer.
  EXPECT_LE(server->repeated_answers(), kills * 8 * 4);
  EXPECT_GE(server->attempts(), 160);
}

TEST_F(Served, CtrlCEndsARunWithinItsRequestsAndKeepsWhatIsFiled) {
  const auto steady = Start();
  WriteConfig(*steady);
  ASSERT_EQ(Run("run", "steady").code, 0);
  const auto server = Start({.seconds_per_answer = 0.05});
  WriteConfig(*server);
  const pid_t child = StartProcess("stopped");
  while (server->answers() < 40) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  kill(child, SIGINT);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 130);
  EXPECT_LT(server->answers(), 160);
  const Result again = Run("run", "stopped");
  ASSERT_EQ(again.code, 0) << again.err;
  EXPECT_EQ(ContentHashes(Path("stopped")), ContentHashes(Path("steady")));
  // Nobody was killed, so nothing that was answered is missing in the bill; the stop cuts off at
  // most what eight connections had in flight.
  const Json served = Manifest("stopped").at("run").at("served");
  EXPECT_LE(std::abs(served.at("requests").get<int64_t>() - server->answers()), 8);
  EXPECT_LE(std::abs(served.at("attempts").get<int64_t>() - server->attempts()), 8);
}

TEST_F(Served, TheServersPlaceAndPriceAreNoPartOfTheResult) {
  const auto first = Start();
  WriteConfig(*first);
  ASSERT_EQ(Run("run", "runs").code, 0);
  const auto second = Start();
  WriteConfig(*second);
  EXPECT_THAT(Run("status", "runs", {"generate.search.server.price.input_per_million=9"}).out,
              HasSubstr("done"));
  EXPECT_EQ(Run("run", "runs").code, 0);
  EXPECT_EQ(second->requests_of_any_kind(), 0);
  EXPECT_THAT(Run("status", "runs", {"--why", "generate.search.server.model=other"}).out,
              HasSubstr("config.server.model: \"fake-7b\" before, now \"other\""));
}

TEST_F(Served, DryRunAsksNothingAndDoctorAsksForNoToken) {
  const auto server = Start();
  WriteConfig(*server);
  const Result plan = Run("run", "runs", {"--dry-run"});
  EXPECT_EQ(plan.code, 0) << plan.err;
  EXPECT_THAT(plan.out, AllOf(HasSubstr("served: fake-7b at http://"), HasSubstr("money")));
  EXPECT_EQ(server->requests_of_any_kind(), 0);
  EXPECT_THAT(Run("doctor", "runs").out, HasSubstr("ok    generate.search: server http://"));
  EXPECT_EQ(server->attempts(), 0);
  ::setenv(kKeyVariable, "sk-wrong", 1);
  const Result wrong = Run("doctor", "runs");
  EXPECT_EQ(wrong.code, 65);
  EXPECT_THAT(wrong.out,
              AllOf(HasSubstr("PROBLEM"), HasSubstr(kKeyVariable), Not(HasSubstr("sk-wrong"))));
}

TEST_F(Served, AServerThatIsDownIsOneLineAndUnavailable) {
  WriteConfig(*Start());  // and gone again
  const Result result = Run("run", "runs");
  EXPECT_EQ(result.code, 69);
  EXPECT_THAT(result.err, AllOf(HasSubstr("no connection"), HasSubstr("server.url")));
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
}

TEST_F(Served, ResolvedConfigReadsBackEqual) {
  WriteConfig(*Start());
  const Result first = Retort({"config", Path("served.yaml")});
  ASSERT_EQ(first.code, 0) << first.err;
  Write("resolved.yaml", first.out);
  EXPECT_EQ(Retort({"config", Path("resolved.yaml")}).out, first.out);
}

TEST_F(Served, AModelAndAServerExcludeEachOther) {
  const auto server = Start();
  WriteConfig(*server);
  EXPECT_THAT(Run("run", "runs", {"generate.search.model=./teacher"}).err,
              HasSubstr("either a model or a server"));
  EXPECT_THAT(Run("run", "runs", {"generate.search.engine={max_batch: 4}"}).err,
              HasSubstr("no effect on a server"));
  EXPECT_THAT(
      Run("run", "runs",
          {"generate.search.server.log_probs=false", "generate.search.strategy.select=log_prob"})
          .err,
      HasSubstr("server.log_probs is false"));
}

}  // namespace
}  // namespace retort::testing
