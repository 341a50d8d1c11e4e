#include "filter/fates.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/base/json.h"
#include "filter/candidates.h"
#include "filter/filter_stage.h"

namespace retort {
namespace {

constexpr size_t kBufferBytes = size_t{1} << 20;

std::string FatesPath(const std::string& stage_dir) { return JoinPath(stage_dir, "fates.jsonl"); }

Json FateToJson(const std::string& problem_id, const Candidate& candidate) {
  Json fate = {{"problem", problem_id},
               {"source", candidate.source},
               {"node", candidate.node},
               {"verdict", std::string(VerdictName(candidate.verdict))},
               {"kept", candidate.kept()}};
  if (!candidate.kept()) {
    fate["dropped_by"] = candidate.dropped_by;
    fate["reason"] = candidate.reason;
  }
  return fate;
}

std::string FateText(const Json& fate) {
  const std::string who =
      StrCat("node ", fate.at("node").get<int32_t>(), " of ", fate.at("source").get<std::string>(),
             " (", fate.at("verdict").get<std::string>(), "): ");
  if (fate.at("kept").get<bool>()) return who + "kept";
  return StrCat(who, "dropped by ", fate.at("dropped_by").get<std::string>(), " - ",
                fate.at("reason").get<std::string>());
}

}  // namespace

FateWriter::FateWriter(Env& env, const std::string& stage_dir)
    : env_(env), path_(FatesPath(stage_dir)), file_(env.NewFile(path_ + ".tmp")) {}

void FateWriter::Add(const ProblemCandidates& problem) {
  for (const Candidate& candidate : problem.candidates) {
    buffer_ += DumpJson(FateToJson(problem.tree->problem_id, candidate));
    buffer_ += '\n';
  }
  if (buffer_.size() < kBufferBytes) return;
  file_->Append(buffer_);
  buffer_.clear();
}

void FateWriter::Finish() {
  file_->Append(buffer_);
  file_->Sync();
  file_->Close();
  env_.Rename(path_ + ".tmp", path_);
  env_.SyncPath(ParentPath(path_));
}

std::vector<std::string> ExplainFate(const Env& env, const std::string& stage_dir,
                                     const std::string& problem_id, int32_t node) {
  const std::string path = FatesPath(stage_dir);
  const std::string bytes = env.ReadFile(path);
  const std::string needle = DumpJson(problem_id);
  std::vector<std::string> lines;
  size_t number = 0;
  for (size_t begin = 0; begin < bytes.size(); ++number) {
    const size_t end = std::min(bytes.find('\n', begin), bytes.size());
    const std::string_view line = std::string_view(bytes).substr(begin, end - begin);
    begin = end + 1;
    if (line.find(needle) == std::string_view::npos) continue;
    const Json fate = ParseJson(line, StrCat(path, ":", number + 1));
    if (fate.at("problem").get<std::string>() != problem_id) continue;
    if (node == -1 || fate.at("node").get<int32_t>() == node) lines.push_back(FateText(fate));
  }
  return lines;
}

}  // namespace retort
