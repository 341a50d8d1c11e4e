#include "core/trace/lookup3.h"

#include <gtest/gtest.h>

#include <string>

namespace retort {
namespace {

TEST(Lookup3, MatchesTheAuthorsVectors) {
  EXPECT_EQ(Lookup3(""), 0xdeadbeefu);
  EXPECT_EQ(Lookup3("Four score and seven years ago"), 0x17770551u);
}

TEST(Lookup3, DependsOnEveryByteAtEveryLength) {
  for (size_t size = 1; size < 40; ++size) {
    const std::string bytes(size, 'x');
    for (size_t at = 0; at < size; ++at) {
      std::string other = bytes;
      other[at] = 'y';
      EXPECT_NE(Lookup3(other), Lookup3(bytes)) << size << " " << at;
    }
  }
}

}  // namespace
}  // namespace retort
