// Golden values by registered name, in one JSON file under tests/data/<topic>/. With
// RETORT_WRITE_GOLDENS=1 in the environment a test writes the file instead of comparing; that is
// what tests/data/regenerate_plugin_goldens.sh does.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "core/base/env.h"
#include "core/base/json.h"

namespace retort::testing {

/// Compares `actual` (name -> value) with the file, name by name; a name that has no golden fails.
inline void ExpectGoldens(const std::string& file, const Json& actual) {
  const std::string path = JoinPath(RETORT_TEST_DATA, file);
  if (std::getenv("RETORT_WRITE_GOLDENS") != nullptr) {
    const auto out = RealEnv().NewFile(path);
    out->Append(DumpJsonPretty(actual));
    out->Close();
    return;
  }
  const Json golden = ParseJson(RealEnv().ReadFile(path), path);
  EXPECT_EQ(golden.size(), actual.size()) << path;
  for (const auto& [name, value] : actual.items()) {
    ASSERT_TRUE(golden.contains(name)) << name << " has no golden in " << path;
    EXPECT_EQ(golden.at(name), value) << name;
  }
}

}  // namespace retort::testing
