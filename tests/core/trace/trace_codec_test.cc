#include "core/trace/trace_codec.h"

#include <gtest/gtest.h>

#include "tests/core/trace/trace_fixture.h"

namespace retort {
namespace {

TEST(TraceCodec, TreesRoundTrip) {
  for (const TraceTree& tree : MadeUpTrees(20)) {
    EXPECT_EQ(DecodeTree(EncodeTree(tree), "test"), tree);
  }
}

TEST(TraceCodec, EqualTreesGiveEqualBytes) {
  EXPECT_EQ(EncodeTree(MadeUpTree("a")), EncodeTree(MadeUpTree("a")));
  EXPECT_NE(EncodeTree(MadeUpTree("a")), EncodeTree(MadeUpTree("b")));
}

TEST(TraceCodec, EveryTruncationAndAnExtraByteAreNamed) {
  const std::string bytes = EncodeTree(MadeUpTree("a"));
  for (size_t size = 0; size < bytes.size(); ++size) {
    const std::string message = ErrorOf([&] { DecodeTree(bytes.substr(0, size), "journal 3"); });
    ASSERT_NE(message.find("journal 3"), std::string::npos) << size;
  }
  EXPECT_THROW(DecodeTree(bytes + 'x', "test"), Error);
}

TEST(TraceCodec, MutatedBytesEndInATreeOrAnError) {
  // The journal's CRC guards content; here only memory safety and the tree's rules are at stake.
  const std::string bytes = EncodeTree(MadeUpTree("a"));
  Rng rng = Rng::Derive({std::string_view("codec")});
  int refused = 0;
  for (int i = 0; i < 20000; ++i) {
    try {
      CheckTree(DecodeTree(Mutate(bytes, rng), "test"), "test");
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::kData);
      ++refused;
    }
  }
  EXPECT_GT(refused, 5000);
}

}  // namespace
}  // namespace retort
