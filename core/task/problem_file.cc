// Problems from a file of JSON records (lines, or one array), each parsed by the task.
#include <unordered_map>

#include "core/base/error.h"
#include "core/base/log.h"
#include "core/task/record_reader.h"
#include "core/task/task.h"

namespace retort {
namespace {

Problem ParseProblemLine(const Task& task, std::string_view line, const std::string& where) {
  const Json object = ParseJson(line, where);
  try {
    return task.FromJson(object);
  } catch (const Error& error) {
    throw Error(error.code(), StrCat(where, ": ", error.what()));
  }
}

/// Reads one line or throws Error(kData); ids must be new.
class ProblemFileReader {
 public:
  ProblemFileReader(const Task& task, const std::string& path) : task_(task), path_(path) {}

  void Read(const Record& record) {
    const std::string where = StrCat(path_, ":", record.line);
    if (!record.broken.empty()) throw Error(ExitCode::kData, StrCat(where, ": ", record.broken));
    Problem problem = ParseProblemLine(task_, record.text, where);
    const auto [entry, is_new] = line_of_id_.try_emplace(problem.question.id, record.line);
    if (!is_new) {
      throw Error(ExitCode::kData, StrCat(where, ": problem ", problem.question.id,
                                          " is already on line ", entry->second));
    }
    problem.source = path_;
    problems_.push_back(std::move(problem));
  }

  std::vector<Problem> Take() { return std::move(problems_); }

 private:
  const Task& task_;
  const std::string& path_;
  std::unordered_map<std::string, int64_t> line_of_id_;
  std::vector<Problem> problems_;
};

}  // namespace

std::vector<Problem> ReadProblemFile(const Env& env, const Task& task, const std::string& path,
                                     bool skip_broken_lines) {
  ProblemFileReader reader(task, path);
  ReadRecords(env, path, [&](const Record& record) {
    try {
      reader.Read(record);
    } catch (const Error& error) {
      if (!skip_broken_lines) {
        throw Error(error.code(), StrCat(error.what(), "; mend the line or set on_error: skip"));
      }
      LogWarning(StrCat(error.what(), "; line skipped"));
    }
  });
  return reader.Take();
}

}  // namespace retort
