// How a task's problems are dealt to named splits so that no canonical class is in two of them.
//
// A class belongs to a split by a hash of its canonical key alone, never by the seed: a test split
// stays a test split for every seed and every model. The seed chooses which problems of a split's
// classes are used, and their order. Pure functions; files are read through RealEnv.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/task/task.h"

namespace retort {

/// Where a class lies in [0, 1): the first 53 bits of SHA-256 of its key.
double ClassPosition(std::string_view canonical_key);

/// Index of the split whose share covers the class (shares laid end to end in config order);
/// nullopt if none does. Splits that read a file have no share.
std::optional<size_t> SplitOfClass(std::span<const ProblemSplit> splits,
                                   std::string_view canonical_key);

/// Problems that a task can make, by index.
struct ProblemSource {
  std::vector<std::string> canonical_keys;    // of each problem
  std::function<Problem(size_t index)> make;  // called for chosen problems only
  std::set<std::string> shown_keys{};         // classes that prompts show: in no split
};

/// Task::MakeSplits for a task whose problems are listed in `source`: files first (no class in two
/// of them, Error(kData)), then the rest by SplitOfClass, without classes that a file holds.
/// Classes in source.shown_keys are left out of both. Error(kConfig) names split, asked and
/// available; `available_note` ends that message.
std::vector<std::vector<Problem>> DealProblems(const Task& task,
                                               std::span<const ProblemSplit> splits, uint64_t seed,
                                               const ProblemSource& source,
                                               const std::string& available_note);

}  // namespace retort
