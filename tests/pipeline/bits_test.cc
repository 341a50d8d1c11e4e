// Promise 4 of the design: the traces do not depend on how they were computed.

#include <gmock/gmock.h>

#include "core/lm/model/isa.h"
#include "pipeline_testing.h"

namespace retort::testing {
namespace {

class Bits : public PipelineTest {
 protected:
  /// The generate stage's trees as text, after a run with these overrides. The teacher is trained
  /// once and copied in, so that all variants search with one set of weights.
  std::string Traces(const std::string& runs, std::vector<std::string> overrides) {
    if (teacher_.empty()) {
      EXPECT_EQ(RunTiny("filter", {"filter.traces.inputs=[]"}, "teacher").code, 0);
      EXPECT_EQ(RunTiny("train", {"filter.traces.inputs=[]"}, "teacher").code, 0);
      for (const auto& entry : std::filesystem::directory_iterator(Path("teacher/tiny/train"))) {
        if (entry.path().filename().string().rfind("teacher-", 0) == 0)
          teacher_ = entry.path().string() + "/model";
      }
    }
    overrides.push_back("generate.search.model=" + teacher_);
    const Result result = RunTiny("generate", overrides, runs);
    EXPECT_EQ(result.code, 0) << result.err;
    for (const auto& entry : std::filesystem::directory_iterator(Path(runs + "/tiny/generate"))) {
      return Retort({"export", entry.path().string()}).out;
    }
    return "";
  }
  std::string teacher_;
};

TEST_F(Bits, TracesAreIndependentOfHowTheyWereComputed) {
  const std::string reference = Traces("reference", {});
  ASSERT_GT(reference.size(), 1000u);
  const std::string engine = "generate.search.engine.";
  const std::vector<std::vector<std::string>> variants = {
      {engine + "max_batch=1"},
      {engine + "max_batch=256"},
      {"threads=1"},
      {"threads=2"},
      {"generate.search.shards=4"},
      {"generate.search.in_flight=1"},
      {engine + "prefix_cache=false"},
      {engine + "kv_memory_mb=1", "generate.search.in_flight=64"},
      {engine + "kernels=scalar"},
  };
  for (size_t i = 0; i < variants.size(); ++i) {
    EXPECT_EQ(Traces("variant" + std::to_string(i), variants[i]), reference) << variants[i].front();
  }
  for (const Isa isa : kIsas) {
    if (!IsaSupported(isa)) continue;
    EXPECT_EQ(Traces(IsaName(isa), {engine + "kernels=" + IsaName(isa)}), reference);
  }
}

TEST_F(Bits, Bfloat16TracesAreTheSameOnEveryInstructionSet) {
  const std::string engine = "generate.search.engine.", precision = engine + "precision=bfloat16";
  const auto reference = Traces("reference", {precision});
  EXPECT_NE(reference, Traces("float32", {}));
  EXPECT_EQ(Traces("threads", {precision, "threads=1", engine + "max_batch=3"}), reference);
  for (const Isa isa : kIsas) {
    if (!IsaSupported(isa)) continue;
    EXPECT_EQ(Traces(IsaName(isa), {precision, engine + "kernels=" + IsaName(isa)}), reference);
  }
}

TEST_F(Bits, ShardFilesAreTheSameBytesWhateverTheBatch) {
  Traces("a", {"generate.search.engine.max_batch=1"});
  Traces("b", {"generate.search.engine.max_batch=64", "generate.search.in_flight=3"});
  const auto a = ContentHashes(Path("a/tiny/generate"));
  EXPECT_FALSE(a.empty());
  EXPECT_EQ(a, ContentHashes(Path("b/tiny/generate")));
}

}  // namespace
}  // namespace retort::testing
