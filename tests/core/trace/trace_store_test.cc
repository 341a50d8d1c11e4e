#include "core/trace/trace_store.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include "core/base/commit.h"
#include "tests/core/trace/trace_fixture.h"

namespace retort {
namespace {

const TraceProvenance kProvenance = {.stage_key = "key",
                                     .config_sha256 = "config",
                                     .teacher_sha256 = "teacher",
                                     .tokenizer_sha256 = "tokenizer",
                                     .verifier = "verifier"};

void WriteShard(Env& env, const std::string& path, const std::vector<TraceTree>& trees) {
  WriteTraceShard(env, path, trees, kProvenance, Json{{"host", "here"}});
}

std::vector<std::string> VisitedIds(const std::string& stage_dir) {
  std::vector<std::string> ids;
  ForEachTree(RealEnv(), stage_dir, [&](TraceTree&& tree) { ids.push_back(tree.problem_id); });
  return ids;
}

TEST(TraceStore, CommittedShardReadsBack) {
  const std::string path = ShardPath(FreshFolder(), 17);
  EXPECT_EQ(BaseName(path), "shard-00017.h5");
  WriteShard(RealEnv(), path, MadeUpTrees(5));
  const TraceShard shard = ReadTraceShard(RealEnv(), path);
  EXPECT_EQ(shard.trees, MadeUpTrees(5));
  EXPECT_EQ(shard.provenance, kProvenance);
  const Sidecar sidecar = VerifyCommitted(RealEnv(), path);
  EXPECT_EQ(sidecar.content.at("records"), 5);
  EXPECT_EQ(sidecar.content.at("first_id"), "p1000");
  EXPECT_EQ(sidecar.content.at("last_id"), "p1004");
  EXPECT_EQ(sidecar.run.at("host"), "here");
}

TEST(TraceStore, SortsTreesSoThatOrderOfArrivalDoesNotMatter) {
  const std::string dir = FreshFolder();
  std::vector<TraceTree> trees = MadeUpTrees(6);
  WriteShard(RealEnv(), ShardPath(dir, 0), trees);
  std::reverse(trees.begin(), trees.end());
  WriteShard(RealEnv(), ShardPath(dir, 1), trees);
  EXPECT_EQ(RealEnv().ReadFile(ShardPath(dir, 0)), RealEnv().ReadFile(ShardPath(dir, 1)));
}

TEST(TraceStore, AShardWithoutSidecarIsRefused) {
  const std::string path = ShardPath(FreshFolder(), 0);
  WriteShard(RealEnv(), path, MadeUpTrees(2));
  RealEnv().Remove(SidecarPath(path));
  const std::string message = ErrorOf([&] { ReadTraceShard(RealEnv(), path); });
  EXPECT_NE(message.find(path), std::string::npos) << message;
  EXPECT_NE(message.find("retort generate"), std::string::npos) << message;
}

TEST(TraceStore, AFlippedBitOrACutIsNamedWithItsRemedy) {
  const std::string path = ShardPath(FreshFolder(), 0);
  WriteShard(RealEnv(), path, MadeUpTrees(2));
  const std::string whole = RealEnv().ReadFile(path);
  std::string flipped = whole;
  flipped[flipped.size() / 2] = static_cast<char>(flipped[flipped.size() / 2] ^ 4);
  for (const std::string& bytes : {flipped, whole.substr(0, whole.size() - 1), whole + "x"}) {
    WriteBytes(path, bytes);
    const std::string message = ErrorOf([&] { ReadTraceShard(RealEnv(), path); });
    EXPECT_NE(message.find(path), std::string::npos) << message;
    EXPECT_NE(message.find("retort generate"), std::string::npos) << message;
  }
  WriteBytes(path, whole);
  EXPECT_EQ(ReadTraceShard(RealEnv(), path).trees.size(), 2u);
}

TEST(TraceStore, VisitsTreesInIdOrderOverOverlappingAndDisjointShards) {
  const std::string dir = FreshFolder();
  const std::vector<TraceTree> trees = MadeUpTrees(9);
  const auto some = [&](std::initializer_list<size_t> picks) {
    std::vector<TraceTree> chosen;
    for (const size_t pick : picks) chosen.push_back(trees[pick]);
    return chosen;
  };
  WriteShard(RealEnv(), ShardPath(dir, 0), some({7, 8}));
  WriteShard(RealEnv(), ShardPath(dir, 1), some({0, 2, 4}));
  WriteShard(RealEnv(), ShardPath(dir, 2), some({1, 3, 6}));
  WriteShard(RealEnv(), ShardPath(dir, 3), some({5}));
  WriteShard(RealEnv(), ShardPath(dir, 4), {});
  std::vector<std::string> expected;
  for (const TraceTree& tree : trees) expected.push_back(tree.problem_id);
  EXPECT_EQ(VisitedIds(dir), expected);
}

TEST(TraceStore, VisitingRefusesDuplicatesUncommittedShardsAndMissingFolders) {
  const std::string dir = FreshFolder();
  EXPECT_NE(ErrorOf([&] { VisitedIds(dir); }).find("retort generate"), std::string::npos);
  WriteShard(RealEnv(), ShardPath(dir, 0), {MadeUpTree("a"), MadeUpTree("b")});
  WriteShard(RealEnv(), ShardPath(dir, 1), {MadeUpTree("b"), MadeUpTree("c")});
  EXPECT_NE(ErrorOf([&] { VisitedIds(dir); }).find("problem b is in two shards"),
            std::string::npos);
  RealEnv().Remove(SidecarPath(ShardPath(dir, 1)));
  EXPECT_NE(ErrorOf([&] { VisitedIds(dir); }).find("no sidecar"), std::string::npos);
}

TEST(TraceStore, ListsShardsWithoutTemporariesOrSidecars) {
  const std::string dir = FreshFolder();
  EXPECT_TRUE(ListShards(RealEnv(), dir).empty());
  WriteShard(RealEnv(), ShardPath(dir, 1), MadeUpTrees(1));
  WriteShard(RealEnv(), ShardPath(dir, 0), MadeUpTrees(1));
  WriteBytes(ShardPath(dir, 2) + ".tmp.host.1", "half");
  EXPECT_EQ(ListShards(RealEnv(), dir),
            (std::vector<std::string>{ShardPath(dir, 0), ShardPath(dir, 1)}));
}

TEST(TraceStore, WritingTheSameShardTwiceIsFineAndAnotherIsTwoWriters) {
  const std::string path = ShardPath(FreshFolder(), 0);
  WriteShard(RealEnv(), path, MadeUpTrees(2));
  WriteShard(RealEnv(), path, MadeUpTrees(2));
  EXPECT_NE(ErrorOf([&] { WriteShard(RealEnv(), path, MadeUpTrees(3)); }).find("two writers"),
            std::string::npos);
  EXPECT_EQ(ReadTraceShard(RealEnv(), path).trees.size(), 2u);
}

TEST(TraceStore, EveryFailingFileCallLeavesAWholeShardOrNone) {
  const std::string dir = FreshFolder();
  FaultyEnv env(RealEnv());
  bool succeeded = false;
  for (int fail_at = 1; !succeeded; ++fail_at) {
    ASSERT_LT(fail_at, 100);
    const std::string stage_dir = JoinPath(dir, std::to_string(fail_at));
    const std::string path = ShardPath(stage_dir, 0);
    env.FailAt(fail_at, /*sticky=*/false);
    const std::string message = ErrorOf([&] { WriteShard(env, path, MadeUpTrees(2)); });
    succeeded = message.empty();
    if (ReadSidecar(RealEnv(), path)) {
      EXPECT_EQ(ReadTraceShard(RealEnv(), path).trees.size(), 2u);
    }
    // Trying again on a healthy disk always works.
    WriteShard(RealEnv(), path, MadeUpTrees(2));
    EXPECT_EQ(ReadTraceShard(RealEnv(), path).trees, MadeUpTrees(2)) << fail_at;
  }
}

TEST(TraceStore, AFullDiskLeavesNoTemporaryBehind) {
  const std::string dir = FreshFolder();
  const std::string path = ShardPath(dir, 0);
  RealEnv().CreateDirs(ParentPath(path));
  FaultyEnv env(RealEnv());
  env.FailAt(3, /*sticky=*/false);  // folders, new file, then the bytes
  const std::string message = ErrorOf([&] { WriteShard(env, path, MadeUpTrees(2)); });
  EXPECT_NE(message.find("No space left"), std::string::npos) << message;
  EXPECT_TRUE(RealEnv().List(ParentPath(path)).empty());
}

/// Writes 1,000 trees under a file size limit, then leaves with the exit code of the Error.
[[noreturn]] void WriteUnderSizeLimit(const std::string& path) {
  signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{.rlim_cur = 100000, .rlim_max = 100000};
  setrlimit(RLIMIT_FSIZE, &limit);
  try {
    WriteShard(RealEnv(), path, MadeUpTrees(1000));
  } catch (const Error& error) {
    exit(static_cast<int>(error.code()));  // runs HDF5's exit handler
  }
  exit(0);
}

TEST(TraceStoreDeathTest, AFileSizeLimitEndsInIoErrorAndACleanExit) {
  const std::string path = ShardPath(FreshFolder(), 0);
  EXPECT_EXIT(WriteUnderSizeLimit(path), testing::ExitedWithCode(static_cast<int>(ExitCode::kIo)),
              "");
  EXPECT_TRUE(ListShards(RealEnv(), ParentPath(ParentPath(path))).empty());
}

TEST(TreeToJson, TellsTheWholeTree) {
  const TraceTree tree = MadeUpTree("a", 2);
  const Json json = TreeToJson(tree);
  EXPECT_EQ(json.at("problem_id"), "a");
  EXPECT_EQ(json.at("question"), tree.question);
  EXPECT_EQ(json.at("prompt_ids").get<std::vector<int32_t>>(), tree.prompt_ids);
  EXPECT_EQ(json.at("counts").at("decoded"), 30);
  ASSERT_EQ(json.at("nodes").size(), tree.nodes.size());
  const Json& last = json.at("nodes").at(2);
  EXPECT_EQ(last.at("parent"), 1);
  EXPECT_EQ(last.at("text"), " m\xc3\xa9");
  EXPECT_EQ(last.at("tokens").size(), 1u);
  EXPECT_EQ(last.at("verdict"), VerdictName(*tree.nodes[2].verdict));
  EXPECT_TRUE(json.at("nodes").at(0).at("verdict").is_null());
  EXPECT_EQ(DumpJson(json).find('\n'), std::string::npos);
}

}  // namespace
}  // namespace retort
