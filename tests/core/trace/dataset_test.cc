#include "core/trace/dataset.h"

#include <gtest/gtest.h>

#include "core/base/commit.h"
#include "tests/core/trace/trace_fixture.h"

namespace retort {
namespace {

Dataset MadeUpDataset(int examples) {
  Dataset dataset{.view = "completion", .tokenizer_sha256 = "abc", .examples = {}};
  Rng rng = Rng::Derive({std::string_view("dataset")});
  for (int i = 0; i < examples; ++i) {
    Example example;
    example.problem_id = StrCat("p", rng.NextBelow(50));
    example.source = i % 3 == 0 ? "gold" : "teacher_search";
    example.node = i % 3 == 0 ? -1 : i;
    example.prompt_ids.assign(1 + rng.NextBelow(9), static_cast<int32_t>(rng.NextBelow(99)));
    example.completion_ids.assign(rng.NextBelow(9), static_cast<int32_t>(rng.NextBelow(99)));
    example.weight = static_cast<float>(rng.NextDouble());
    dataset.examples.push_back(example);
  }
  return dataset;
}

void ExpectEqual(const Dataset& a, const Dataset& b) {
  EXPECT_EQ(a.view, b.view);
  EXPECT_EQ(a.tokenizer_sha256, b.tokenizer_sha256);
  EXPECT_EQ(a.examples, b.examples);
}

TEST(Dataset, ReadsBackInOrder) {
  const std::string path = JoinPath(FreshFolder(), "dataset.h5");
  WriteDataset(RealEnv(), path, MadeUpDataset(100), Json::object());
  ExpectEqual(ReadDataset(RealEnv(), path), MadeUpDataset(100));
  EXPECT_EQ(VerifyCommitted(RealEnv(), path).content.at("records"), 100);
}

TEST(Dataset, AnEmptyOneReadsBack) {
  ExpectEqual(ParseDataset(SerializeDataset(MadeUpDataset(0), "x"), "x"), MadeUpDataset(0));
}

TEST(Dataset, EqualInputGivesEqualBytes) {
  EXPECT_EQ(SerializeDataset(MadeUpDataset(40), "x"), SerializeDataset(MadeUpDataset(40), "y"));
}

TEST(Dataset, DamageIsNamedWithItsRemedy) {
  const std::string path = JoinPath(FreshFolder(), "dataset.h5");
  WriteDataset(RealEnv(), path, MadeUpDataset(10), Json::object());
  std::string bytes = RealEnv().ReadFile(path);
  bytes[bytes.size() / 3] = static_cast<char>(bytes[bytes.size() / 3] ^ 1);
  WriteBytes(path, bytes);
  const std::string message = ErrorOf([&] { ReadDataset(RealEnv(), path); });
  EXPECT_NE(message.find(path), std::string::npos) << message;
  EXPECT_NE(message.find("retort filter"), std::string::npos) << message;
}

TEST(Dataset, MutatedBytesAreRefusedOrReadBackWhole) {
  const Dataset dataset = MadeUpDataset(10);
  const std::string bytes = SerializeDataset(dataset, "x");
  Rng rng = Rng::Derive({std::string_view("mutations")});
  int refused = 0;
  for (int i = 0; i < 1000; ++i) {
    try {
      ExpectEqual(ParseDataset(Mutate(bytes, rng), "x"), dataset);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::kData);
      ++refused;
    }
  }
  EXPECT_GT(refused, 500);
}

TEST(Dataset, AShardOfAnotherKindIsRefused) {
  const std::string path = JoinPath(FreshFolder(), "dataset.h5");
  const std::string message = ErrorOf([&] { ParseDataset("not hdf5", path); });
  EXPECT_NE(message.find(path), std::string::npos) << message;
}

TEST(ExampleToJson, HasTheDocumentedKeys) {
  const Json json = ExampleToJson(MadeUpDataset(1).examples[0]);
  for (const char* key :
       {"prompt_ids", "completion_ids", "problem_id", "source", "node", "weight"}) {
    EXPECT_TRUE(json.contains(key)) << key;
  }
  EXPECT_EQ(json.size(), 6u);
}

}  // namespace
}  // namespace retort
