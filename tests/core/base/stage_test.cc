#include "core/base/stage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/commit.h"
#include "core/base/error.h"
#include "tests/core/base/scratch.h"

namespace retort {
namespace {

using testing::HasSubstr;

class Stage : public testing::Test {
 protected:
  void Write(const std::string& key, const Json& content, const Json& run) {
    WriteStageManifest({.env = RealEnv(),
                        .dir = folder_.path(),
                        .name = "student",
                        .key = key,
                        .tensorboard_dir = ""},
                       content, run);
  }
  std::string ReadFailure() {
    try {
      ReadStageManifest(RealEnv(), folder_.path());
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ExitCode::kData);
      return e.what();
    }
    return "no error";
  }
  ScratchFolder folder_;
};

TEST_F(Stage, UnfinishedStageHasNoManifest) {
  EXPECT_FALSE(ReadStageManifest(RealEnv(), folder_.path()).has_value());
  EXPECT_FALSE(ReadStageManifest(RealEnv(), folder_ / "missing").has_value());
}

TEST_F(Stage, ManifestReadsBack) {
  Write("k1", {{"records", 7}}, {{"seconds", 1.5}});
  const auto manifest = ReadStageManifest(RealEnv(), folder_.path());
  ASSERT_TRUE(manifest.has_value());
  EXPECT_EQ(manifest->key, "k1");
  EXPECT_EQ(manifest->content["records"], 7);
  EXPECT_EQ(manifest->run["seconds"], 1.5);
}

TEST_F(Stage, HashCoversKeyAndContentButNotTheRun) {
  const auto hash = [&](const std::string& key, const Json& content, const Json& run) {
    Write(key, content, run);
    return ReadStageManifest(RealEnv(), folder_.path())->sha256;
  };
  const std::string first = hash("k", {{"n", 1}}, {{"seconds", 1}});
  EXPECT_EQ(hash("k", {{"n", 1}}, {{"seconds", 2}}), first);
  EXPECT_NE(hash("k", {{"n", 2}}, {{"seconds", 1}}), first);
  EXPECT_NE(hash("q", {{"n", 1}}, {{"seconds", 1}}), first);
}

TEST_F(Stage, DamagedManifestIsNamed) {
  Write("k1", {{"records", 7}}, {});
  const std::string path = folder_ / "MANIFEST.json";
  std::string text = RealEnv().ReadFile(path);
  text[text.find("7")] = '8';
  WriteFileAtomically(RealEnv(), path, text);
  EXPECT_THAT(ReadFailure(), HasSubstr("does not match its sha256"));
  WriteFileAtomically(RealEnv(), path, "{\"schema\": \"retort.stage.1\"}");
  EXPECT_THAT(ReadFailure(), HasSubstr("damaged"));
  for (const char* foreign : {"{}", "[]", "{\"schema\": 3}"}) {
    WriteFileAtomically(RealEnv(), path, foreign);
    EXPECT_THAT(ReadFailure(), HasSubstr(path)) << foreign;
  }
}

}  // namespace
}  // namespace retort
