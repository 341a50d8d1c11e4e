#include "core/trace/trace_shard.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "tests/core/trace/trace_fixture.h"

namespace retort {
namespace {

const FileLabel kLabel = {.path = "traces/shard-00003.h5", .remedy = "run retort generate again"};

TraceProvenance MadeUpProvenance() {
  return {.stage_key = "k1",
          .config_sha256 = "c1",
          .teacher_sha256 = "t1",
          .tokenizer_sha256 = "",
          .verifier = "ring_sort-checker/1 size=9"};
}

std::string Serialize(const std::vector<TraceTree>& trees) {
  return SerializeTraceShard(trees, MadeUpProvenance(), "test.h5");
}

TEST(TraceShard, TreesAndProvenanceRoundTrip) {
  const std::vector<TraceTree> trees = MadeUpTrees(30);
  const TraceShard shard = ParseTraceShard(Serialize(trees), kLabel);
  EXPECT_EQ(shard.trees, trees);
  EXPECT_EQ(shard.provenance, MadeUpProvenance());
}

TEST(TraceShard, NoTreesAndEmptyTreesRoundTrip) {
  EXPECT_TRUE(ParseTraceShard(Serialize({}), kLabel).trees.empty());
  TraceTree bare;
  bare.problem_id = "bare";
  bare.AddNode(-1, {}, "");
  EXPECT_EQ(ParseTraceShard(Serialize({bare}), kLabel).trees, std::vector<TraceTree>{bare});
}

TEST(TraceShard, ArraysLongerThanAChunkRoundTrip) {
  // 200 trees of 801 nodes: node columns take three chunks, the text more.
  const std::vector<TraceTree> trees = MadeUpTrees(200, 400);
  EXPECT_EQ(ParseTraceShard(Serialize(trees), kLabel).trees, trees);
}

TEST(TraceShard, EqualTreesGiveEqualBytesAtAnyTime) {
  const std::string first = Serialize(MadeUpTrees(30));
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));  // HDF5's own stamps count seconds
  EXPECT_EQ(Serialize(MadeUpTrees(30)), first);
}

TEST(TraceShard, BytesDoNotDependOnWhatMemoryHeldBefore) {
  const std::string first = Serialize(MadeUpTrees(30));
  {
    std::vector<std::string> dirt;
    for (int i = 0; i < 200; ++i) dirt.emplace_back(size_t{1} << (6 + i % 15), '\xa5');
  }
  EXPECT_EQ(Serialize(MadeUpTrees(30)), first);
}

TEST(TraceShard, RefusesTreesOutOfOrderOrTwice) {
  const TraceTree a = MadeUpTree("a");
  const TraceTree b = MadeUpTree("b");
  EXPECT_THROW(Serialize({b, a}), Error);
  EXPECT_THROW(Serialize({a, a}), Error);
}

TEST(TraceShard, EveryTruncationIsNamedWithItsRemedy) {
  const std::string bytes = Serialize(MadeUpTrees(2));
  for (size_t size = 0; size < bytes.size(); size += 37) {
    const std::string message = ErrorOf([&] { ParseTraceShard(bytes.substr(0, size), kLabel); });
    ASSERT_NE(message.find(kLabel.path), std::string::npos) << size;
    ASSERT_NE(message.find(kLabel.remedy), std::string::npos) << size;
  }
}

TEST(TraceShard, NoFlippedBitChangesDataSilently) {
  const std::vector<TraceTree> trees = MadeUpTrees(2);
  const std::string bytes = Serialize(trees);
  int refused = 0;
  int tried = 0;
  for (size_t at = 0; at < bytes.size(); at += 41) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << (at % 8)));
    ++tried;
    try {
      const TraceShard shard = ParseTraceShard(damaged, kLabel);
      EXPECT_EQ(shard.trees, trees) << at;
      EXPECT_EQ(shard.provenance, MadeUpProvenance()) << at;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::kData) << error.what();
      ++refused;
    }
  }
  EXPECT_GT(refused, tried / 4);
}

class MutatedShard : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Streams, MutatedShard, testing::Range(0, 4));

TEST_P(MutatedShard, IsRefusedOrReadsBackWhole) {
  const std::vector<TraceTree> trees = MadeUpTrees(3);
  const std::string bytes = Serialize(trees);
  Rng rng = Rng::Derive({std::string_view("shard"), static_cast<uint64_t>(GetParam())});
  int refused = 0;
  for (int i = 0; i < 600; ++i) {
    try {
      const TraceShard shard = ParseTraceShard(Mutate(bytes, rng), kLabel);
      EXPECT_EQ(shard.trees, trees) << i;
      EXPECT_EQ(shard.provenance, MadeUpProvenance()) << i;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::kData) << error.what();
      ++refused;
    }
  }
  EXPECT_GT(refused, 300);
}

TEST(TraceShard, ValuesOutsideTheSchemaAreRefused) {
  // Whole files with right checksums whose content breaks a rule of the tree.
  TraceTree tree = MadeUpTree("a");
  const auto refused = [&](auto change) {
    TraceTree broken = tree;
    change(broken);
    return !ErrorOf([&] { Serialize({broken}); }).empty();
  };
  EXPECT_TRUE(refused([](TraceTree& t) { t.nodes[2].parent = 5; }));
  EXPECT_TRUE(refused([](TraceTree& t) { t.selected = 77; }));
  EXPECT_FALSE(refused([](TraceTree&) {}));
}

}  // namespace
}  // namespace retort
