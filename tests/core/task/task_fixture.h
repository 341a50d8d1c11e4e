// What the tests of core/task share: a task from YAML text, and files in a folder of their own.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "core/base/env.h"
#include "core/base/error.h"
#include "core/task/task.h"

namespace retort {

/// The task described by `yaml` (the keys of a `task:` mapping, one a line). Throws Error(kConfig).
inline std::unique_ptr<Task> TaskFromYaml(const std::string& yaml) {
  const auto document = ConfigDocument::Parse(yaml, "test.yaml", {});
  std::unique_ptr<Task> task = MakeTask(document->Root());
  document->Finish();
  return task;
}

/// The message of the Error that `call` throws, "" if it throws none.
template <typename Call>
std::string ErrorOf(Call call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

/// A file in a folder that no other test uses.
inline std::string WriteTestFile(const std::string& name, const std::string& text) {
  const auto* info = testing::UnitTest::GetInstance()->current_test_info();
  std::string folder = StrCat("retort_", info->test_suite_name(), "_", info->name());
  for (char& c : folder) c = c == '/' ? '_' : c;
  const std::string dir = JoinPath(testing::TempDir(), folder);
  RealEnv().CreateDirs(dir);
  const std::string path = JoinPath(dir, name);
  auto file = RealEnv().NewFile(path);
  file->Append(text);
  file->Close();
  return path;
}

}  // namespace retort
