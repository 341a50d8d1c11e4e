// A small whole experiment and a way to run the command line on it, for the pipeline's tests.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "core/base/env.h"
#include "core/base/hash.h"
#include "core/base/stop.h"
#include "pipeline/cli.h"

namespace retort::testing {

/// Ring sorting of seven tiles: teacher from scratch, search, filter, student, verdict in seconds.
inline const char* kTinyExperiment = R"(name: tiny
seed: 3
threads: 2
task: {name: ring_sort, size: 7, distance: 6}
problems:
  gold: {count: 12, share: 0.5, traces: 2}
  search: {count: 0, share: 0.2}
  dev: {count: 0, share: 0.1}
  test: {count: 0, share: 0.2}
generate:
  search:
    model: teacher
    problems: search
    strategy: {name: best_of_n, n: 8, wave: 4, stop_after_correct: 2, select: checker}
filter:
  gold:
    view: {name: completion}
    gold_split: gold
  traces:
    inputs: [search]
    filters:
      - {name: verified}
      - {name: exact_duplicate}
      - {name: cap, per_problem: 2}
    view: {name: completion}
    gold_split: gold
train:
  teacher:
    data: gold
    model: {num_hidden_layers: 2, hidden_size: 32, intermediate_size: 64, num_attention_heads: 2, num_key_value_heads: 1, head_dim: 16}
    objective: {name: sft}
    optimizer: {lr: 0.01, weight_decay: 0.1, warmup_steps: 5}
    steps: 60
    batch_size: 16
    eval_every: 20
    checkpoint_every: 10
  student:
    data: traces
    model: {num_hidden_layers: 1, hidden_size: 16, intermediate_size: 32, num_attention_heads: 1, num_key_value_heads: 1, head_dim: 16}
    objective: {name: sft}
    optimizer: {lr: 0.01, weight_decay: 0.1, warmup_steps: 5}
    steps: 30
    batch_size: 16
    eval_every: 15
    checkpoint_every: 10
eval:
  verdict:
    problems: test
    arms:
      - {name: student, kind: student, model: student, strategy: {name: greedy}}
      - {name: teacher_search, kind: search, model: teacher, subsample: [1, 4], strategy: {name: best_of_n, n: 4, select: checker}}
      - {name: random_play, kind: control, subsample: [1, 4], strategy: {name: random_play, n: 4}}
    latency: {problems: 3, warmup: 1, repeats: 1}
    verdict: {student: student, search: teacher_search, blind: random_play}
)";

/// A folder of its own for one test, removed with it.
class PipelineTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    std::string name = std::string(info->test_suite_name()) + "." + info->name();
    for (char& c : name) c = c == '/' ? '_' : c;
    dir_ = ::testing::TempDir() + "retort pipeline " + name;
    std::filesystem::remove_all(dir_);
    std::filesystem::create_directories(dir_);
    SetStopRequested(0);
    Write("tiny.yaml", kTinyExperiment);
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  std::string Path(const std::string& name) const { return dir_ + "/" + name; }
  void Write(const std::string& name, const std::string& text) const {
    std::ofstream(Path(name), std::ios::binary) << text;
  }
  std::string Read(const std::string& path) const {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
  }

  struct Result {
    int code = -1;
    std::string out, err;
  };
  /// `arguments` after the program's name; --runs is added for commands on an experiment.
  Result Retort(std::vector<std::string> arguments) const {
    std::ostringstream out, err;
    const int code = RunCommandLine(RealEnv(), arguments, out, err);
    return {code, out.str(), err.str()};
  }
  Result RunTiny(const std::string& command, std::vector<std::string> more = {},
                 const std::string& runs = "runs") const {
    std::vector<std::string> arguments = {command, Path("tiny.yaml"), "--runs", Path(runs)};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Retort(arguments);
  }

  /// Names (relative to `root`) and hashes of the files whose bytes are promised.
  static std::vector<std::string> ContentHashes(const std::string& root) {
    std::vector<std::string> lines;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
      const std::string path = entry.path().string();
      const std::string name = entry.path().filename().string();
      const bool promised = name == "dataset.h5" || name == "funnel.json" ||
                            name == "fates.jsonl" ||
                            (name.rfind("shard-", 0) == 0 && name.ends_with(".h5")) ||
                            (path.find("/model/") != std::string::npos && entry.is_regular_file());
      if (!promised) continue;
      std::ifstream in(path, std::ios::binary);
      std::ostringstream text;
      text << in.rdbuf();
      lines.push_back(path.substr(root.size()) + " " + Sha256(text.str()));
    }
    std::sort(lines.begin(), lines.end());
    return lines;
  }

  std::string dir_;
};

}  // namespace retort::testing
