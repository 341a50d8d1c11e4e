// The goldens under tests/data/lm as files, and how a test looks at an error. Without LibTorch.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "core/base/env.h"
#include "core/base/error.h"
#include "core/base/json.h"

namespace retort {

inline std::string GoldenPath(const std::string& name) {
  return StrCat(RETORT_TEST_DATA, "/lm/", name);
}

inline Json GoldenJson(const std::string& name) {
  return ParseJson(RealEnv().ReadFile(GoldenPath(name)), name);
}

/// A fresh folder for one test.
inline std::string FreshDir(const std::string& name) {
  const std::string dir = StrCat(testing::TempDir(), name, "_", getpid());
  RealEnv().RemoveTree(dir);
  RealEnv().CreateDirs(dir);
  return dir;
}

/// The same, but with RETORT_EXPORT_DIR set it stays there for tests/data/lm/check_export.py.
inline std::string ExportDir(const std::string& name) {
  const char* kept = std::getenv("RETORT_EXPORT_DIR");
  return kept == nullptr ? FreshDir(name) : JoinPath(kept, name);
}

/// The message of the retort::Error that `call` throws with `code`; "" (and a failure) otherwise.
template <typename Call>
std::string MessageOf(const Call& call, ExitCode code = ExitCode::kData) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "no error was thrown";
  return "";
}

}  // namespace retort
