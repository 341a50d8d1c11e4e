// Rates of the trace writer and the data set reader, beside a plain write and read of the same
// bytes in the same run. Medians of five interleaved repeats.

#include <cstdio>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/env.h"
#include "core/base/rng.h"
#include "core/base/statistics.h"
#include "core/trace/dataset.h"
#include "core/trace/trace_store.h"

namespace retort {
namespace {

constexpr int kTrees = 2000;
constexpr int kSamples = 16;
constexpr int kTokens = 64;
constexpr int kRepeats = 5;

/// A search of kSamples completions of kTokens tokens; text of four bytes a token.
TraceTree MakeTree(int index) {
  Rng rng = Rng::Derive({uint64_t{1}, "bench", static_cast<uint64_t>(index)});
  TraceTree tree;
  tree.problem_id = "bench-" + std::to_string(100000 + index);
  tree.question = "question";
  tree.algorithm = "best_of_n";
  tree.prompt_ids.assign(11, 1);
  tree.nodes.emplace_back();
  for (int sample = 0; sample < kSamples; ++sample) {
    std::vector<int32_t> tokens;
    std::string text;
    for (int i = 0; i < kTokens; ++i) {
      tokens.push_back(static_cast<int32_t>(rng.NextBelow(1000)));
      text += "abc ";
    }
    Node& node = tree.nodes[static_cast<size_t>(tree.AddNode(0, tokens, text))];
    node.terminal = true;
    node.verdict = Verdict::kCorrect;
  }
  return tree;
}

double Timed(const std::function<void()>& body) {
  const double start = MonotonicSeconds();
  body();
  return MonotonicSeconds() - start;
}

void Print(const char* what, double bytes, const std::vector<double>& seconds) {
  std::printf("%-34s %8.0f MB/s\n", what, bytes / 1e6 / Median(seconds));
}

std::vector<Example> Examples(const std::vector<TraceTree>& trees) {
  std::vector<Example> examples;
  for (const TraceTree& tree : trees) {
    for (int32_t node = 1; node < static_cast<int32_t>(tree.nodes.size()); ++node) {
      examples.push_back({.problem_id = tree.problem_id,
                          .source = "bench",
                          .node = node,
                          .prompt_ids = tree.prompt_ids,
                          .completion_ids = tree.PathTokens(node)});
    }
  }
  return examples;
}

void Run(const std::string& dir) {
  Env& env = RealEnv();
  env.CreateDirs(JoinPath(dir, "shards"));
  std::vector<TraceTree> trees;
  for (int i = 0; i < kTrees; ++i) trees.push_back(MakeTree(i));
  const Dataset dataset{.view = "completion", .tokenizer_sha256 = "", .examples = Examples(trees)};
  std::map<std::string, std::vector<double>> seconds;
  double shard_bytes = 0, dataset_bytes = 0;
  for (int repeat = 0; repeat < kRepeats; ++repeat) {
    const std::string shard = JoinPath(dir, "shards/shard-" + std::to_string(repeat) + ".h5");
    const std::string data = JoinPath(dir, "dataset-" + std::to_string(repeat) + ".h5");
    seconds["write shard"].push_back(Timed([&] { WriteTraceShard(env, shard, trees, {}, {}); }));
    seconds["read shard"].push_back(Timed([&] { ReadTraceShard(env, shard); }));
    const std::string bytes = env.ReadFile(shard);
    shard_bytes = static_cast<double>(bytes.size());
    seconds["write plain"].push_back(Timed([&] {
      const auto file = env.NewFile(JoinPath(dir, "plain"));
      file->Append(bytes);
      file->Sync();
      file->Close();
    }));
    WriteDataset(env, data, dataset, {});
    dataset_bytes = static_cast<double>(env.FileSize(data));
    seconds["read data set"].push_back(Timed([&] { ReadDataset(env, data); }));
    seconds["read plain"].push_back(Timed([&] { env.ReadFile(data); }));
  }
  std::printf("%s; %d trees of %d nodes, %.1f MB; %zu examples, %.1f MB; medians of %d\n",
              ProcessorName().c_str(), kTrees, kSamples + 1, shard_bytes / 1e6,
              dataset.examples.size(), dataset_bytes / 1e6, kRepeats);
  Print("trace writer (encode, hash, fsync)", shard_bytes, seconds["write shard"]);
  Print("plain write and fsync, same bytes", shard_bytes, seconds["write plain"]);
  Print("trace reader (verify, decode)", shard_bytes, seconds["read shard"]);
  Print("data set reader (verify, decode)", dataset_bytes, seconds["read data set"]);
  Print("plain read of the data set", dataset_bytes, seconds["read plain"]);
}

}  // namespace
}  // namespace retort

int main() {
  const std::string dir = std::filesystem::temp_directory_path() / "retort-store-bench";
  std::filesystem::remove_all(dir);
  retort::Run(dir);
  std::filesystem::remove_all(dir);
  return 0;
}
