// What a runner has loaded so far; shared by runner.cc and runner_stages.cc only.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/commit.h"
#include "core/lm/tokenizer/chat_format.h"
#include "pipeline/runner.h"

namespace retort {

struct Runner::State {
  std::unique_ptr<Tokenizer> tokenizer;
  std::optional<Chat> chat;  // how its prompts are rendered
  std::map<std::string, std::vector<Problem>> problems;
  std::map<std::string, std::string> problems_sha;
  std::map<std::string, std::string> checkpoint_sha;  // by path outside the run
  std::map<std::string, ModelConfig> shapes;          // the same
  std::map<size_t, NodeStatus> done;
  std::unique_ptr<FileLock> lock;
};

}  // namespace retort
