// Problems that are held out for evaluation, by canonical key: nothing that is one of them up to
// the task's symmetries may reach a training set. Immutable.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/task/task.h"
#include "filter/filter.h"

namespace retort {

class HeldOut {
 public:
  /// `task` must outlive the object.
  HeldOut(const Task& task, const std::vector<std::span<const Problem>>& splits);

  /// The id of a held-out problem that is canonically the same.
  std::optional<std::string> Find(const Question& question) const;

 private:
  const Task& task_;
  std::map<std::string, std::string> id_of_key_;
};

inline constexpr char kDecontaminate[] = "decontaminate";
inline constexpr char kHeldOutReason[] = "held out";

/// Drops all candidates of a held-out problem: "held out: same canonical problem as <id>".
/// `held_out` must outlive the filter.
std::unique_ptr<TraceFilter> MakeDecontaminate(const HeldOut& held_out);

}  // namespace retort
