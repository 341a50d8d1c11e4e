// Golden values by registered name, in one JSON file under tests/data/<topic>/. With
// RETORT_WRITE_GOLDENS=1 in the environment a test writes the file instead of comparing; that is
// what tests/data/regenerate_plugin_goldens.sh does.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <string>
#include <vector>

#include "core/base/env.h"
#include "core/base/json.h"

namespace retort {

/// Equal, but that fractions may differ by `relative`.
inline void ExpectJsonNear(const Json& golden, const Json& actual, double relative,
                           const std::string& where) {
  if (golden.is_object() && actual.is_object() && golden.size() == actual.size()) {
    for (const auto& [key, value] : actual.items()) {
      ASSERT_TRUE(golden.contains(key)) << where << "." << key;
      ExpectJsonNear(golden.at(key), value, relative, where + "." + key);
    }
  } else if (golden.is_number_float() && actual.is_number_float()) {
    const double expected = golden.get<double>();
    EXPECT_NEAR(actual.get<double>(), expected, relative * std::abs(expected)) << where;
  } else {
    EXPECT_EQ(golden, actual) << where;
  }
}

/// Compares `actual` (name -> value) with the file, name by name; a name that has no golden fails.
/// `relative` is the tolerance of fractions in objects: 0 for values that hold on every machine.
inline void ExpectGoldens(const std::string& file, const Json& actual, double relative = 0) {
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
    ExpectJsonNear(golden.at(name), value, relative, name);
  }
}

}  // namespace retort
