#include "core/task/splits.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/base/log.h"

namespace retort {
namespace {

// Shares written in decimal (0.3 + 0.5 + 0.05 + 0.15) may add up to a hair above 1.
constexpr double kShareSlack = 1e-9;

/// `count` of `available` indices (all if 0) in an order that the seed and the split's name choose.
std::vector<size_t> Choose(size_t available, const ProblemSplit& split, uint64_t seed,
                           const std::string& available_note) {
  const auto asked = static_cast<size_t>(split.config.count);
  if (asked > available || available == 0) {
    throw Error(
        ExitCode::kConfig,
        StrCat("problems.", split.name, ": ", asked == 0 ? "all" : WithCommas(split.config.count),
               " problems asked, ", WithCommas(static_cast<int64_t>(available)), " available",
               available_note, "; lower count or raise share"));
  }
  const size_t chosen = asked == 0 ? available : asked;
  std::vector<size_t> order(chosen);
  const KeyedPermutation permutation(
      Rng::DeriveKey({seed, std::string_view("split"), std::string_view(split.name)}), available);
  for (size_t i = 0; i < chosen; ++i) order[i] = permutation(i);
  return order;
}

void CheckSplits(std::span<const ProblemSplit> splits) {
  double share = 0;
  for (const ProblemSplit& split : splits) {
    share += split.config.share;
    RETORT_CHECK(split.config.count >= 0 && split.config.share >= 0, "split ", split.name);
  }
  if (share > 1 + kShareSlack) {
    throw Error(ExitCode::kConfig, StrCat("problems: the shares add up to ", DoubleText(share),
                                          ", more than 1; lower one of them"));
  }
}

/// Canonical key -> (index of the file's split, id of the problem that brought it).
using FileClasses = std::map<std::string, std::pair<size_t, std::string>>;

std::vector<Problem> ReadFileSplit(const Task& task, std::span<const ProblemSplit> splits,
                                   size_t index, FileClasses* classes) {
  const SplitConfig& config = splits[index].config;
  std::vector<Problem> problems =
      ReadProblemFile(RealEnv(), task, config.file, config.on_error == "skip");
  for (const Problem& problem : problems) {
    const auto [entry, is_new] = classes->try_emplace(task.CanonicalKey(problem.question),
                                                      std::pair(index, problem.question.id));
    const auto& [other, other_id] = entry->second;
    if (!is_new && other != index) {
      throw Error(ExitCode::kData,
                  StrCat("problem ", problem.question.id, " of ", config.file,
                         " is the same up to symmetry as ", other_id, " of ",
                         splits[other].config.file, "; splits must be disjoint: remove one"));
    }
  }
  return problems;
}

}  // namespace

double ClassPosition(std::string_view canonical_key) {
  const std::string digest = Sha256(canonical_key);
  const uint64_t bits = std::stoull(digest.substr(0, 16), nullptr, 16);
  return std::ldexp(static_cast<double>(bits >> 11), -53);
}

std::optional<size_t> SplitOfClass(std::span<const ProblemSplit> splits,
                                   std::string_view canonical_key) {
  const double position = ClassPosition(canonical_key);
  double end = 0;
  for (size_t i = 0; i < splits.size(); ++i) {
    end += splits[i].config.share;
    if (position < end) return i;
  }
  return std::nullopt;
}

std::vector<std::vector<Problem>> DealProblems(const Task& task,
                                               std::span<const ProblemSplit> splits, uint64_t seed,
                                               const ProblemSource& source,
                                               const std::string& available_note) {
  CheckSplits(splits);
  FileClasses file_classes;
  std::vector<std::vector<Problem>> from_files(splits.size());
  for (size_t s = 0; s < splits.size(); ++s) {
    if (splits[s].config.file.empty()) continue;
    from_files[s] = ReadFileSplit(task, splits, s, &file_classes);
    const size_t shown = std::erase_if(from_files[s], [&](const Problem& problem) {
      return source.shown_keys.contains(task.CanonicalKey(problem.question));
    });
    if (shown == 0) continue;
    LogInfo(StrCat("problems.", splits[s].name, ": ", shown,
                   " left out, because every prompt shows them as examples"));
  }

  std::vector<std::vector<size_t>> members(splits.size());
  for (size_t i = 0; i < source.canonical_keys.size(); ++i) {
    const std::string& key = source.canonical_keys[i];
    const std::optional<size_t> split = SplitOfClass(splits, key);
    if (source.shown_keys.contains(key)) continue;
    if (split && !file_classes.contains(key)) members[*split].push_back(i);
  }

  std::vector<std::vector<Problem>> result(splits.size());
  for (size_t s = 0; s < splits.size(); ++s) {
    const bool is_file = !splits[s].config.file.empty();
    const size_t available = is_file ? from_files[s].size() : members[s].size();
    for (const size_t i : Choose(available, splits[s], seed, is_file ? "" : available_note)) {
      Problem problem = is_file ? std::move(from_files[s][i]) : source.make(members[s][i]);
      problem.split = splits[s].name;
      result[s].push_back(std::move(problem));
    }
  }
  return result;
}

std::vector<ProblemSplit> SplitsFromConfig(ConfigSection root) {
  std::vector<ProblemSplit> splits;
  double share = 0;
  for (auto& [name, section] : root.Named("problems")) {
    SplitConfig config;
    section.Int("count", &config.count, {.min = 0});
    section.Int("traces", &config.traces, {.min = 0});
    section.Float("share", &config.share, {.min = 0, .max = 1});
    section.String("file", &config.file);
    section.Choice("on_error", &config.on_error, {"refuse", "skip"});
    if (config.file.empty() == (config.share == 0)) {
      section.Fail("share", "a split needs either share (of the task's own problems) or file");
    }
    share += config.share;
    splits.push_back({name, config});
  }
  if (share > 1 + kShareSlack) {
    root.Fail("problems",
              StrCat("the shares add up to ", DoubleText(share), ", more than 1; lower one"));
  }
  return splits;
}

}  // namespace retort
