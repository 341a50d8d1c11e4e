#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cstring>

#include "core/base/commit.h"
#include "core/lm/checkpoint/checkpoint.h"
#include "tests/core/lm/goldens.h"

namespace retort {
namespace {

std::string FileOf(const std::string& header, const std::string& data) {
  std::string length(8, '\0');
  for (size_t i = 0; i < 8; ++i) length[i] = static_cast<char>(header.size() >> (8 * i));
  return length + header + data;
}

class SafetensorsTest : public testing::Test {
 protected:
  std::string Write(const std::string& bytes) {
    const std::string path = JoinPath(dir_, "x.safetensors");
    WriteFileAtomically(RealEnv(), path, bytes);
    return path;
  }
  std::map<std::string, at::Tensor> Read(const std::string& bytes) {
    return ReadSafetensors(RealEnv(), Write(bytes));
  }
  void ExpectRefusal(const std::string& bytes, const std::string& fragment) {
    const std::string path = Write(bytes);
    const std::string message = MessageOf([&] { ReadSafetensors(RealEnv(), path); });
    EXPECT_NE(message.find(fragment), std::string::npos) << message;
    EXPECT_NE(message.find(path), std::string::npos) << message;
  }

  std::string dir_ = FreshDir("safetensors");
};

TEST_F(SafetensorsTest, EveryTypeReadsBackEqual) {
  std::map<std::string, at::Tensor> tensors = {{"empty", at::zeros({0, 3})},
                                               {"scalar", at::tensor(2.5).squeeze()}};
  for (const auto type :
       {at::kFloat, at::kHalf, at::kBFloat16, at::kDouble, at::kLong, at::kInt, at::kByte}) {
    tensors[at::toString(type)] = at::arange(7).to(type);
  }
  const std::string path = JoinPath(dir_, "all.safetensors");
  WriteSafetensors(RealEnv(), path, tensors, {{"format", "pt"}});
  std::map<std::string, std::string> metadata;
  const auto read = ReadSafetensors(RealEnv(), path, &metadata);
  ASSERT_EQ(read.size(), tensors.size());
  for (const auto& [name, tensor] : tensors) {
    EXPECT_EQ(read.at(name).scalar_type(), tensor.scalar_type()) << name;
    EXPECT_TRUE(at::equal(read.at(name), tensor)) << name;
  }
  EXPECT_EQ(metadata.at("format"), "pt");
}

TEST_F(SafetensorsTest, DataBeginsAlignedAndTheSameTensorsGiveTheSameBytes) {
  const std::map<std::string, at::Tensor> tensors = {{"a", at::arange(3).to(at::kByte)},
                                                     {"b", at::ones({2, 2})}};
  const std::string path = JoinPath(dir_, "b.safetensors");
  WriteSafetensors(RealEnv(), path, tensors, {});
  const std::string bytes = RealEnv().ReadFile(path);
  EXPECT_EQ(static_cast<unsigned char>(bytes[0]) % 8, 0);
  EXPECT_NE(bytes.find("\"b\":{\"data_offsets\":[0,16]"), std::string::npos);
  WriteSafetensors(RealEnv(), path, tensors, {});
  EXPECT_EQ(RealEnv().ReadFile(path), bytes);
}

TEST_F(SafetensorsTest, TransposedTensorsAreWrittenByTheirValues) {
  const at::Tensor matrix = at::arange(6, at::kFloat).view({2, 3}).t();
  const std::string path = JoinPath(dir_, "t.safetensors");
  WriteSafetensors(RealEnv(), path, {{"t", matrix}}, {});
  EXPECT_TRUE(at::equal(ReadSafetensors(RealEnv(), path).at("t"), matrix));
}

TEST_F(SafetensorsTest, AFullDiskLeavesTheOldFile) {
  const std::string path = JoinPath(dir_, "c.safetensors");
  WriteSafetensors(RealEnv(), path, {{"a", at::ones({2})}}, {});
  FaultyEnv env(RealEnv());
  env.FailAt(2, /*sticky=*/true);
  MessageOf([&] { WriteSafetensors(env, path, {{"a", at::zeros({2})}}, {}); }, ExitCode::kIo);
  EXPECT_TRUE(at::equal(ReadSafetensors(RealEnv(), path).at("a"), at::ones({2})));
}

TEST_F(SafetensorsTest, RefusesABrokenHeader) {
  ExpectRefusal("", "it has 0 bytes and no header");
  ExpectRefusal(std::string("\xff\xff\xff\xff\xff\xff\xff\x7f{}", 10), "its header claims");
  ExpectRefusal(FileOf("", ""), "does not begin with {");
  ExpectRefusal(FileOf("[]", ""), "does not begin with {");
  const std::string broken = Write(FileOf("{\"a\":", ""));
  MessageOf([&] { ReadSafetensors(RealEnv(), broken); });
}

std::string OneTensor(const std::string& shape, const std::string& offsets,
                      const std::string& dtype = "F32") {
  return StrCat("{\"w\":{\"dtype\":\"", dtype, "\",\"shape\":", shape,
                ",\"data_offsets\":", offsets, "}}");
}

TEST_F(SafetensorsTest, RefusesEntriesThatDoNotFit) {
  const std::string data(8, 'x');
  EXPECT_EQ(Read(FileOf(OneTensor("[2]", "[0,8]"), data)).size(), 1U);
  ExpectRefusal(FileOf(OneTensor("[2]", "[0,16]"), data), "lies at bytes 0..16 of 8");
  ExpectRefusal(FileOf(OneTensor("[2]", "[8,0]"), data), "lies at bytes 8..0 of 8");
  ExpectRefusal(FileOf(OneTensor("[3]", "[0,8]"), data), "needs 12 bytes by its shape and has 8");
  ExpectRefusal(FileOf(OneTensor("[-2]", "[0,8]"), data), "the entry of tensor w");
  ExpectRefusal(FileOf(OneTensor("[2.0]", "[0,8]"), data), "the entry of tensor w");
  ExpectRefusal(FileOf(OneTensor("[2]", "[0,8]", "C64"), data), "has type C64");
  ExpectRefusal(FileOf(OneTensor("[1,1,1,1,1,1,1,1,2]", "[0,8]"), data), "more than 8 dimensions");
  ExpectRefusal(FileOf(OneTensor("[4611686018427387904,4]", "[0,0]"), ""),
                "too large for any file");
  ExpectRefusal(FileOf(OneTensor("[9223372036854775809,0]", "[0,0]"), ""),
                "too large for any file");
  ExpectRefusal(FileOf(OneTensor("[0,4611686018427387904,4]", "[0,0]"), ""),
                "too large for any file");
  ExpectRefusal(FileOf("{\"w\":7}", ""), "the entry of tensor w");
  ExpectRefusal(FileOf("{\"__metadata__\":{\"a\":1}}", ""), "__metadata__ a is not a string");
  ExpectRefusal(FileOf("{\"" + std::string(600, 'n') + "\":7}", ""), "more than 512 bytes");
}

std::string TwoTensors(const std::string& first, const std::string& second) {
  return StrCat("{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":", first,
                "},\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":", second, "}}");
}

TEST_F(SafetensorsTest, RefusesHolesOverlapsAndLeftovers) {
  EXPECT_EQ(Read(FileOf(TwoTensors("[4,8]", "[0,4]"), std::string(8, 'x'))).size(), 2U);
  ExpectRefusal(FileOf(TwoTensors("[0,4]", "[5,9]"), std::string(9, 'x')), "(hole)");
  ExpectRefusal(FileOf(TwoTensors("[1,5]", "[5,9]"), std::string(9, 'x')), "(hole)");
  ExpectRefusal(FileOf(TwoTensors("[0,4]", "[2,6]"), std::string(6, 'x')), "(overlap)");
  ExpectRefusal(FileOf(TwoTensors("[0,4]", "[4,8]"), std::string(9, 'x')),
                "its tensors end at byte 8 of the data, the file at 9");
}

TEST_F(SafetensorsTest, RefusesATensorNamedTwice) {
  const std::string entry = "{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}";
  ExpectRefusal(FileOf("{\"a\":" + entry + ",\"a\":" + entry + "}", "xxxx"), "duplicate key");
}

TEST_F(SafetensorsTest, EveryTruncationIsRefused) {
  const std::string whole =
      RealEnv().ReadFile(GoldenPath("llama_biased_sharded/model-00001-of-00002.safetensors"));
  for (size_t size = 0; size < whole.size(); size += 1 + size / 3) {
    const std::string path = Write(whole.substr(0, size));
    MessageOf([&] { ReadSafetensors(RealEnv(), path); });
  }
}

}  // namespace
}  // namespace retort
