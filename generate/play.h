// Strategies that need no model: n tries of one of the task's own players.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/base/config.h"
#include "generate/strategy.h"

namespace retort {

using Player = std::optional<std::string> (Task::*)(const Question&, Rng&) const;

/// Reads `n` (tries, default 1) from `section`. Try i draws from the stream (seed, name, question
/// id, i); the answer is the first try that Check calls correct, otherwise the first. Search throws
/// Error(kConfig) when the task has no such player.
std::unique_ptr<SearchStrategy> MakePlay(const std::string& name, Player player,
                                         ConfigSection& section);

}  // namespace retort
