#include "core/base/error.h"

#include <gtest/gtest.h>

namespace retort {
namespace {

TEST(Error, CheckNamesPlaceConditionAndValues) {
  const int n = 3;
  try {
    RETORT_CHECK(n < 2, "n is ", n);
    FAIL() << "the check passed";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ExitCode::kInternal);
    const std::string message = e.what();
    EXPECT_NE(message.find("tests/core/base/error_test.cc:"), std::string::npos);
    EXPECT_NE(message.find("n < 2 - n is 3"), std::string::npos);
    EXPECT_EQ(message.find(RETORT_SOURCE_DIR), std::string::npos) << message;
  }
}

TEST(Error, CheckThatHoldsIsSilent) { EXPECT_NO_THROW(RETORT_CHECK(true)); }

}  // namespace
}  // namespace retort
