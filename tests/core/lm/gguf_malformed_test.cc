// Files that ReadGguf must refuse, or at least survive.
#include <gtest/gtest.h>

#include "core/base/rng.h"
#include "core/lm/checkpoint/gguf.h"
#include "tests/core/lm/gguf_bytes.h"
#include "tests/core/lm/test_files.h"

namespace retort {
namespace {

void ExpectRefusal(const std::string& bytes, const std::string& fragment) {
  const std::string message = MessageOf([&] { ParseBytes(bytes); });
  EXPECT_EQ(message.find("cannot read the GGUF file - x.gguf - "), 0U) << message;
  EXPECT_NE(message.find(fragment), std::string::npos) << message;
}

void ExpectTensorRefusal(const std::vector<RawTensor>& tensors, const std::string& fragment) {
  RawGguf raw;
  raw.tensors = tensors;
  raw.data = std::string(64, 'x');
  ExpectRefusal(raw.Bytes(), fragment);
}

void ExpectKeyRefusal(const std::string& key, const std::string& fragment) {
  RawGguf raw;
  raw.keys = {key};
  ExpectRefusal(raw.Bytes(), fragment);
}

/// A small file with something of everything.
std::string SmallFile() {
  RawGguf raw;
  raw.keys = {TextKey("general.architecture", "llama"),
              RawKey("general.alignment", GgufType::kUint32, RawBytes(uint32_t{32})),
              RawKey("llama.rope.freq_base", GgufType::kFloat32, RawBytes(10000.0F)),
              ArrayKey("tokens", GgufType::kString, 3, RawText("a") + RawText("bc") + RawText("")),
              ArrayKey("types", GgufType::kInt32, 2, std::string(8, '\1')),
              ArrayKey("flags", GgufType::kBool, 2, std::string("\0\1", 2))};
  raw.tensors = {{.name = "norm", .dims = {8}},
                 {.name = "q", .dims = {32, 2}, .type = 8, .offset = 32},
                 {.name = "k", .dims = {256}, .type = 12, .offset = 128}};
  raw.data = std::string(272, '\3');
  return raw.Bytes();
}

TEST(GgufMalformed, RefusesWhatIsNoGgufOrOfAnotherVersion) {
  EXPECT_EQ(ParseBytes(RawGguf{}.Bytes()).tensors().size(), 0U);
  ExpectRefusal("", "the header needs 4 bytes at byte 0, the file ends at byte 0");
  ExpectRefusal(RawGguf{.magic = "GGML"}.Bytes(), "it does not begin with GGUF");
  ExpectRefusal(RawGguf{.magic = "FUGG"}.Bytes(), "it is big-endian");
  ExpectRefusal(RawGguf{.version = 0x03000000}.Bytes(), "it is big-endian");
  ExpectRefusal(RawGguf{.version = 0}.Bytes(), "its version is 0; supported: 2, 3");
  ExpectRefusal(RawGguf{.version = 1}.Bytes(), "its version is 1; supported: 2, 3");
  ExpectRefusal(RawGguf{.version = 4}.Bytes(), "its version is 4; supported: 2, 3");
}

TEST(GgufMalformed, RefusesCountsBeyondTheFile) {
  const auto header = [](uint64_t tensors, uint64_t keys) {
    return "GGUF" + RawBytes(uint32_t{3}) + RawBytes(tensors) + RawBytes(keys);
  };
  const std::string zeros(66, '\0');
  ExpectRefusal(header(~uint64_t{0}, 0), "it claims 18446744073709551615 tensors (limit 1048576)");
  ExpectRefusal(header(0, ~uint64_t{0}), "metadata keys (limit 65536)");
  ExpectRefusal(header(3, 0) + zeros, "it claims 3 tensors in 66 bytes");
  ExpectRefusal(header(1 << 20, 0) + zeros, "it claims 1048576 tensors in 66 bytes");
  ExpectRefusal(header(0, 65536), "metadata key 0 needs 8 bytes at byte 24");
}

TEST(GgufMalformed, RefusesKeys) {
  using enum GgufType;
  const auto long_text = [](uint64_t size) { return RawBytes(size) + std::string(40, 'x'); };
  ExpectKeyRefusal(TextKey("", "v"), "metadata key 0 is empty or not printable");
  ExpectKeyRefusal(TextKey("a\nb", "v"), "metadata key 0 is empty or not printable");
  ExpectKeyRefusal(TextKey("\xc3\xa9", "v"), "metadata key 0 is empty or not printable");
  ExpectKeyRefusal(TextKey(std::string(513, 'k'), "v"), "a text of 513 bytes (limit 512)");
  ExpectKeyRefusal(RawKey("k", GgufType{13}, "xxxxxxxx"), "key k has the unknown type 13");
  ExpectKeyRefusal(RawKey("k", kBool, "\2"), "key k is neither false nor true");
  ExpectKeyRefusal(RawKey("k", kString, long_text(900)), "key k needs 900 bytes");
  ExpectKeyRefusal(RawKey("k", kString, long_text((1 << 20) + 1)), "limit 1048576");
  ExpectKeyRefusal(RawKey("k", kString, long_text(~uint64_t{0})), "limit 1048576");
  RawGguf twice;
  twice.keys = {TextKey("k", "a"), TextKey("k", "b")};
  ExpectRefusal(twice.Bytes(), "key k is there twice");
}

TEST(GgufMalformed, RefusesArrays) {
  using enum GgufType;
  const std::string inner = RawBytes(uint32_t{4}) + RawBytes(uint64_t{0});
  ExpectKeyRefusal(ArrayKey("k", kArray, 1, inner), "key k is an array of arrays");
  ExpectKeyRefusal(ArrayKey("k", GgufType{99}, 0, ""), "key k has the unknown type 99");
  ExpectKeyRefusal(ArrayKey("k", kUint64, uint64_t{1} << 61, ""), "2305843009213693952 elements");
  ExpectKeyRefusal(ArrayKey("k", kUint8, ~uint64_t{0}, ""), "18446744073709551615 elements");
  ExpectKeyRefusal(ArrayKey("k", kString, 1000, std::string(80, '\0')), "claims 1000 elements");
  ExpectKeyRefusal(ArrayKey("k", kString, 1, RawBytes(uint64_t{999})), "key k needs 999 bytes");
  ExpectKeyRefusal(ArrayKey("k", kBool, 2, "\1\2"), "key k is neither false nor true");
}

TEST(GgufMalformed, RefusesAlignments) {
  const auto key = [](GgufType type, const std::string& value) {
    return RawKey("general.alignment", type, value);
  };
  for (const uint32_t alignment : {0U, 24U, 8192U, 0xffffffffU}) {
    ExpectKeyRefusal(key(GgufType::kUint32, RawBytes(alignment)), "not a power of two in 1..4096");
  }
  ExpectKeyRefusal(key(GgufType::kInt32, RawBytes(int32_t{32})), "not a power of two in 1..4096");
  ExpectKeyRefusal(TextKey("general.alignment", "32"), "not a power of two in 1..4096");
}

TEST(GgufMalformed, RefusesShapes) {
  constexpr uint64_t kHuge = uint64_t{1} << 40;
  ExpectTensorRefusal({{.dims = {}}}, "tensor t has 0 dimensions, not 1 to 4");
  ExpectTensorRefusal({{.dims = {1, 1, 1, 1, 1}}}, "tensor t has 5 dimensions, not 1 to 4");
  ExpectTensorRefusal({{.dims = {0}}}, "tensor t has a dimension of 0");
  ExpectTensorRefusal({{.dims = {4, 0}}}, "tensor t has a dimension of 0");
  ExpectTensorRefusal({{.dims = {~uint64_t{0}}}}, "a dimension of 18446744073709551615");
  ExpectTensorRefusal({{.dims = {kHuge, kHuge}}}, "the shape of tensor t is too large");
  ExpectTensorRefusal({{.dims = {1 << 16, 1 << 16, 1 << 16, 1 << 16}}}, "is too large");
  ExpectTensorRefusal({{.dims = {1, kHuge << 20}}}, "is too large for any file");
  ExpectTensorRefusal({{.dims = {33}, .type = 8}}, "rows of 33 values, Q8_0 has blocks of 32");
  ExpectTensorRefusal({{.dims = {32}, .type = 12}}, "rows of 32 values, Q4_K has blocks of 256");
}

TEST(GgufMalformed, RefusesTypesByName) {
  ExpectTensorRefusal({{.type = 13}}, "tensor t has type Q5_K; supported: F32, F16,");
  ExpectTensorRefusal({{.type = 26}}, "tensor t has type I32; supported: F32, F16,");
  ExpectTensorRefusal({{.type = 31}}, "tensor t has type number 31; supported");
  ExpectTensorRefusal({{.type = 0xffffffffU}}, "tensor t has type number 4294967295; supported");
}

TEST(GgufMalformed, RefusesPlacesOfTensors) {
  ExpectTensorRefusal({{.offset = 8}}, "begins at byte 8 of the data, which is not a multiple");
  ExpectTensorRefusal({{.offset = 64}}, "16 bytes from byte 64 of the data, which ends at byte 64");
  ExpectTensorRefusal({{.offset = 96}}, "which ends at byte 64");
  ExpectTensorRefusal({{.offset = ~uint64_t{31}}}, "which ends at byte 64");
  ExpectTensorRefusal({{.dims = {17}}}, "68 bytes from byte 0 of the data");
  ExpectTensorRefusal({{.name = "b", .dims = {9}}, {.name = "a", .offset = 32}}, "b and a overlap");
  ExpectTensorRefusal({{.name = "b"}, {.name = "a"}}, "tensors a and b overlap");
  ExpectTensorRefusal({{.name = "a"}, {.name = "a", .offset = 32}}, "tensor a is there twice");
  ExpectTensorRefusal({{.name = ""}}, "the name of tensor 0 is empty or not printable");
  ExpectTensorRefusal({{.name = "a"}, {.name = "\n"}}, "the name of tensor 1 is empty or not");
}

TEST(GgufMalformed, EveryTruncationIsRefused) {
  const std::string small = SmallFile();
  for (size_t size = 0; size < small.size(); ++size) ExpectRefusal(small.substr(0, size), "");
  for (const char* name : {"gguf/quants.gguf", "gguf/llama_grouped.gguf"}) {
    const std::string whole = RealEnv().ReadFile(GoldenPath(name));
    for (size_t i = 0; i < 50; ++i) ExpectRefusal(whole.substr(0, whole.size() * i / 50), "");
  }
}

/// Touches every byte that a file's views promise; the sum is there to keep the reads alive.
double ReadEverything(const GgufFile& file) {
  double sum = 0;
  for (const auto& [key, value] : file.metadata()) {
    if (const auto* text = std::get_if<std::string_view>(&value)) {
      for (const char c : *text) sum += c;
    }
    const auto* array = std::get_if<GgufArray>(&value);
    if (array == nullptr) continue;
    for (const char c : array->bytes) sum += c;
    if (array->type != GgufType::kString) continue;
    for (const std::string_view text : file.Texts(key)) {
      for (const char c : text) sum += c;
    }
  }
  for (const GgufTensor& tensor : file.tensors()) {
    std::vector<float> values(static_cast<size_t>(tensor.ElementCount()));
    DequantizeRow(tensor.type, tensor.blocks(), tensor.ElementCount(), values.data());
    for (const float value : values) sum += value;
  }
  return sum;
}

TEST(GgufMalformed, FlippedBytesAreReadOrRefused) {
  const std::string whole = SmallFile();
  Rng rng = Rng::Derive({uint64_t{1}, "gguf"});
  int read = 0, refused = 0;
  double sum = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string bytes = whole;
    for (uint64_t flips = 1 + rng.NextBelow(3); flips > 0; --flips) {
      bytes[rng.NextBelow(bytes.size())] ^= static_cast<char>(1 + rng.NextBelow(255));
    }
    try {
      sum += ReadEverything(ParseBytes(bytes));
      ++read;
    } catch (const Error& error) {
      ++refused;
      ASSERT_EQ(error.code(), ExitCode::kData) << error.what();
      ASSERT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
    }
  }
  // Both happen, so neither side of the loop is dead.
  EXPECT_GT(read, 1000);
  EXPECT_GT(refused, 1000);
  EXPECT_NE(sum, 0);
}

}  // namespace
}  // namespace retort
