// A folder of its own for each test, so that tests may run side by side.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string>

#include "core/base/strings.h"

namespace retort {

/// Made empty; removed at the end of the scope. One at a time: the child of a death test, which
/// runs the test again from its start, finds its parent's folder through the environment.
class ScratchFolder {
 public:
  ScratchFolder() {
    if (const char* inherited = getenv(kVariable)) {
      path_ = inherited;
      return;
    }
    const testing::TestInfo* info = testing::UnitTest::GetInstance()->current_test_info();
    std::string name = StrCat("retort-", info->test_suite_name(), "-", info->name());
    std::replace(name.begin(), name.end(), '/', '-');
    path_ = StrCat(testing::TempDir(), name, "-", ::getpid());
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
    setenv(kVariable, path_.c_str(), 1);
    owned_ = true;
  }
  ~ScratchFolder() {
    if (!owned_) return;
    unsetenv(kVariable);
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return StrCat(path_, "/", name); }

 private:
  static constexpr char kVariable[] = "RETORT_TEST_SCRATCH";
  std::string path_;
  bool owned_ = false;
};

}  // namespace retort
