#include "core/lm/checkpoint/gguf.h"

#include <gtest/gtest.h>

#include <limits>
#include <set>

#include "core/base/hash.h"
#include "tests/core/lm/gguf_bytes.h"
#include "tests/core/lm/test_files.h"

namespace retort {
namespace {

std::string Sha256OfFloats(const std::vector<float>& values) {
  return Sha256({reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)});
}

std::vector<float> Dequantize(const GgufTensor& tensor) {
  std::vector<float> values(static_cast<size_t>(tensor.ElementCount()));
  DequantizeRow(tensor.type, tensor.blocks(), tensor.ElementCount(), values.data());
  return values;
}

TEST(GgufQuants, EveryTypeHasTheValuesOfTheReference) {
  const GgufFile file = ReadGguf(RealEnv(), GoldenPath("gguf/quants.gguf"));
  const Json expected = GoldenJson("gguf/quants.json").at("tensors");
  EXPECT_EQ(file.tensors().size(), expected.size());
  std::set<GgmlType> types;
  for (const GgufTensor& tensor : file.tensors()) {
    SCOPED_TRACE(tensor.name);
    const Json& golden = expected.at(std::string(tensor.name));
    EXPECT_EQ(Json(tensor.shape), golden.at("shape"));
    EXPECT_EQ(GgmlTypeName(static_cast<uint32_t>(tensor.type)), tensor.name);
    const std::vector<float> values = Dequantize(tensor);
    for (size_t i = 0; i < golden.at("row_1").size(); ++i) {
      EXPECT_EQ(values[static_cast<size_t>(tensor.shape[1]) + i], golden.at("row_1")[i]);
    }
    EXPECT_EQ(Sha256OfFloats(values), golden.at("sha256"));
    types.insert(tensor.type);
  }
  EXPECT_EQ(types.size(), 10U);
}

TEST(GgufQuants, EveryFiniteHalfHasTheValueOfTheReference) {
  std::vector<uint16_t> halves;
  for (uint32_t half = 0; half < 0x10000; ++half) {
    if ((half & 0x7c00) != 0x7c00) halves.push_back(static_cast<uint16_t>(half));
  }
  std::vector<float> values(halves.size());
  DequantizeRow(GgmlType::kF16, reinterpret_cast<const uint8_t*>(halves.data()),
                static_cast<int64_t>(halves.size()), values.data());
  EXPECT_EQ(Sha256OfFloats(values),
            GoldenJson("gguf/quants.json").at("finite_halves").at("sha256"));
}

TEST(GgufQuants, InfiniteHalvesStayInfinite) {
  const uint16_t halves[] = {0x7c00, 0xfc00, 0x7e00};
  float values[3];
  DequantizeRow(GgmlType::kF16, reinterpret_cast<const uint8_t*>(halves), 3, values);
  EXPECT_EQ(values[0], std::numeric_limits<float>::infinity());
  EXPECT_EQ(values[1], -std::numeric_limits<float>::infinity());
  EXPECT_NE(values[2], values[2]);
}

TEST(GgufQuants, RefusesPartsOfBlocks) {
  const uint8_t block[34] = {};
  float values[32];
  MessageOf([&] { DequantizeRow(GgmlType::kQ80, block, 31, values); }, ExitCode::kInternal);
}

TEST(GgufQuants, NamesTypesItDoesNotRead) {
  EXPECT_EQ(GgmlTypeName(13), "Q5_K");
  EXPECT_EQ(GgmlTypeName(31), "number 31");
  EXPECT_EQ(GgmlTypeName(4000000000U), "number 4000000000");
  EXPECT_FALSE(IsSupportedGgmlType(13));
  EXPECT_EQ(SupportedGgmlTypes(), "F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q6_K");
}

TEST(Gguf, ReadsTheTokenizersMetadata) {
  const GgufFile file = ReadGguf(RealEnv(), GoldenPath("gguf/llama_grouped.gguf"));
  const auto tokens = file.Texts("tokenizer.ggml.tokens");
  ASSERT_EQ(tokens.size(), 40U);
  EXPECT_EQ(tokens[0], "<|endoftext|>");
  EXPECT_EQ(tokens[1], "\u0120t");
  EXPECT_EQ(tokens[39], "t39");
  EXPECT_EQ(file.Texts("tokenizer.ggml.merges"),
            (std::vector<std::string_view>{"\u0120 t", "t 2"}));
  EXPECT_EQ(file.Ints("tokenizer.ggml.token_type").at(0), 3);
  EXPECT_EQ(file.Ints("tokenizer.ggml.token_type").at(39), 1);
  EXPECT_EQ(file.Floats("tokenizer.ggml.scores").at(3), -1.5F);
  EXPECT_EQ(file.Text("tokenizer.ggml.pre"), "smollm");
  EXPECT_EQ(file.Text("tokenizer.chat_template"),
            "{% for message in messages %}\n{{ message }}{% endfor %}");
  EXPECT_EQ(file.Int("tokenizer.ggml.bos_token_id"), 1);
  EXPECT_FALSE(file.Bool("tokenizer.ggml.add_bos_token"));
  EXPECT_FALSE(file.Has("tokenizer.ggml.eos_token_id"));
}

/// A file with one key of every type.
RawGguf EveryKey() {
  using enum GgufType;
  RawGguf raw;
  raw.keys = {RawKey("u8", kUint8, RawBytes(uint8_t{255})),
              RawKey("i8", kInt8, RawBytes(int8_t{-1})),
              RawKey("u16", kUint16, RawBytes(uint16_t{65535})),
              RawKey("i16", kInt16, RawBytes(int16_t{-2})),
              RawKey("u32", kUint32, RawBytes(uint32_t{4294967295U})),
              RawKey("i32", kInt32, RawBytes(int32_t{-3})),
              RawKey("u64", kUint64, RawBytes(uint64_t{1} << 40)),
              RawKey("i64", kInt64, RawBytes(-(int64_t{1} << 40))),
              RawKey("huge", kUint64, RawBytes(~uint64_t{0})),
              RawKey("f32", kFloat32, RawBytes(1e-5F)),
              RawKey("f64", kFloat64, RawBytes(0.1)),
              RawKey("nan", kFloat32, RawBytes(std::numeric_limits<float>::quiet_NaN())),
              RawKey("bool", kBool, RawBytes(uint8_t{1})),
              TextKey("text", ""),
              ArrayKey("i8s", kInt8, 2, "\xff\x01"),
              ArrayKey("texts", kString, 2, RawText("a") + RawText("")),
              ArrayKey("bools", kBool, 1, RawBytes(uint8_t{0})),
              ArrayKey("none", kString, 0, "")};
  return raw;
}

TEST(Gguf, ReadsEveryTypeOfKey) {
  const GgufFile file = ParseBytes(EveryKey().Bytes());
  EXPECT_EQ(file.metadata().size(), 18U);
  EXPECT_EQ(file.Int("u8"), 255);
  EXPECT_EQ(file.Int("i8"), -1);
  EXPECT_EQ(file.Int("u16"), 65535);
  EXPECT_EQ(file.Int("i16"), -2);
  EXPECT_EQ(file.Int("u32"), 4294967295);
  EXPECT_EQ(file.Int("i32"), -3);
  EXPECT_EQ(file.Int("u64"), int64_t{1} << 40);
  EXPECT_EQ(file.Int("i64"), -(int64_t{1} << 40));
  EXPECT_EQ(file.Number("f32"), 1e-5);
  EXPECT_EQ(file.Number("f64"), 0.1);
  EXPECT_EQ(file.Number("i32"), -3);
  EXPECT_TRUE(file.Bool("bool"));
  EXPECT_EQ(file.Text("text"), "");
  EXPECT_EQ(file.Ints("i8s"), (std::vector<int64_t>{-1, 1}));
  EXPECT_EQ(file.Texts("texts"), (std::vector<std::string_view>{"a", ""}));
  EXPECT_TRUE(file.Texts("none").empty());
}

TEST(Gguf, NamesTheKeyThatIsMissingOrOfAnotherType) {
  const GgufFile file = ParseBytes(EveryKey().Bytes());
  const auto expect = [](const std::string& part, const auto& call) {
    const std::string message = MessageOf(call);
    EXPECT_NE(message.find("x.gguf - key " + part), std::string::npos) << message;
  };
  expect("absent is missing", [&] { file.Int("absent"); });
  expect("f32 is not an integer", [&] { file.Int("f32"); });
  expect("huge is not an integer", [&] { file.Int("huge"); });
  expect("text is not a finite number", [&] { file.Number("text"); });
  expect("nan is not a finite number", [&] { file.Number("nan"); });
  expect("u8 is neither false nor true", [&] { file.Bool("u8"); });
  expect("u8 is not a text", [&] { file.Text("u8"); });
  expect("u8 is not an array", [&] { file.Ints("u8"); });
  expect("i8s is not an array of texts", [&] { file.Texts("i8s"); });
  expect("texts is not an array of integers", [&] { file.Ints("texts"); });
  expect("i8s is not an array of float32", [&] { file.Floats("i8s"); });
}

TEST(Gguf, ReadsShapesSlowestFirstAndDataAtTheFilesAlignment) {
  RawGguf raw;
  raw.version = 2;
  raw.alignment = 8;
  raw.keys = {RawKey("general.alignment", GgufType::kUint32, RawBytes(uint32_t{8}))};
  // Against the order of the file, and with a hole of 8 bytes.
  raw.tensors = {{.name = "b", .dims = {2, 3}, .offset = 16}, {.name = "a", .dims = {1}}};
  raw.data = RawBytes(1.5F) + std::string(12, '\0');
  for (int i = 0; i < 6; ++i) raw.data += RawBytes(static_cast<float>(i));
  const GgufFile file = ParseBytes(raw.Bytes());
  ASSERT_EQ(file.tensors().size(), 2U);
  EXPECT_EQ(file.tensors()[0].shape, (std::vector<int64_t>{3, 2}));
  EXPECT_EQ(Dequantize(file.tensors()[0]), (std::vector<float>{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(Dequantize(file.tensors()[1]), (std::vector<float>{1.5}));
}

TEST(Gguf, AMissingFileIsNamed) {
  const std::string path = JoinPath(FreshDir("gguf"), "none.gguf");
  const std::string message = MessageOf([&] { ReadGguf(RealEnv(), path); });
  EXPECT_NE(message.find(path), std::string::npos) << message;
}

}  // namespace
}  // namespace retort
