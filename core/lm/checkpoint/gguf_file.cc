#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "core/base/error.h"
#include "core/lm/checkpoint/gguf.h"

namespace retort {
namespace {

template <typename T>
T Load(const char* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof(T));
  return value;
}

/// The elements of an array of integers or floats that are stored as T.
template <typename T, typename Out>
std::vector<Out> Unpack(const GgufArray& array) {
  std::vector<Out> values;
  values.reserve(array.count);
  for (uint64_t i = 0; i < array.count; ++i) {
    values.push_back(static_cast<Out>(Load<T>(array.bytes.data() + i * sizeof(T))));
  }
  return values;
}

/// The double with the decimal that names `value` among floats.
double ByDecimal(float value) {
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  double result = 0;
  std::from_chars(text.data(), end, result);
  return result;
}

}  // namespace

int64_t GgufTensor::ElementCount() const {
  int64_t count = 1;
  for (const int64_t size : shape) count *= size;
  return count;
}

GgufFile::GgufFile(std::unique_ptr<MappedFile> file, std::string path,
                   std::map<std::string_view, GgufValue> metadata, std::vector<GgufTensor> tensors)
    : file_(std::move(file)),
      path_(std::move(path)),
      metadata_(std::move(metadata)),
      tensors_(std::move(tensors)) {}

void GgufFile::Fail(std::string_view key, std::string_view why) const {
  throw Error(ExitCode::kData, StrCat("cannot use the GGUF file - ", path_, " - key ", key, " ",
                                      why, " - convert the model again"));
}

const GgufValue& GgufFile::Value(std::string_view key) const {
  const auto it = metadata_.find(key);
  if (it == metadata_.end()) Fail(key, "is missing");
  return it->second;
}

bool GgufFile::Bool(std::string_view key) const {
  if (const bool* value = std::get_if<bool>(&Value(key))) return *value;
  Fail(key, "is neither false nor true");
}

int64_t GgufFile::Int(std::string_view key) const {
  const GgufValue& value = Value(key);
  if (const int64_t* number = std::get_if<int64_t>(&value)) return *number;
  const uint64_t* number = std::get_if<uint64_t>(&value);
  if (number == nullptr || *number > uint64_t{std::numeric_limits<int64_t>::max()}) {
    Fail(key, "is not an integer");
  }
  return static_cast<int64_t>(*number);
}

double GgufFile::Number(std::string_view key) const {
  const GgufValue& value = Value(key);
  if (std::holds_alternative<int64_t>(value) || std::holds_alternative<uint64_t>(value)) {
    return static_cast<double>(Int(key));
  }
  double number = std::numeric_limits<double>::infinity();
  if (const float* single = std::get_if<float>(&value)) number = ByDecimal(*single);
  if (const double* wide = std::get_if<double>(&value)) number = *wide;
  if (!std::isfinite(number)) Fail(key, "is not a finite number");
  return number;
}

std::string_view GgufFile::Text(std::string_view key) const {
  if (const std::string_view* value = std::get_if<std::string_view>(&Value(key))) return *value;
  Fail(key, "is not a text");
}

const GgufArray& GgufFile::Array(std::string_view key) const {
  if (const GgufArray* value = std::get_if<GgufArray>(&Value(key))) return *value;
  Fail(key, "is not an array");
}

std::vector<std::string_view> GgufFile::Texts(std::string_view key) const {
  const GgufArray& array = Array(key);
  if (array.type != GgufType::kString) Fail(key, "is not an array of texts");
  std::vector<std::string_view> texts;
  texts.reserve(array.count);
  size_t at = 0;
  for (uint64_t i = 0; i < array.count; ++i) {
    const auto size = Load<uint64_t>(array.bytes.data() + at);
    at += sizeof(size);
    texts.push_back(array.bytes.substr(at, size));
    at += size;
  }
  return texts;
}

std::vector<int64_t> GgufFile::Ints(std::string_view key) const {
  const GgufArray& array = Array(key);
  switch (array.type) {
    case GgufType::kUint8:
      return Unpack<uint8_t, int64_t>(array);
    case GgufType::kInt8:
      return Unpack<int8_t, int64_t>(array);
    case GgufType::kUint16:
      return Unpack<uint16_t, int64_t>(array);
    case GgufType::kInt16:
      return Unpack<int16_t, int64_t>(array);
    case GgufType::kUint32:
      return Unpack<uint32_t, int64_t>(array);
    case GgufType::kInt32:
      return Unpack<int32_t, int64_t>(array);
    case GgufType::kInt64:
      return Unpack<int64_t, int64_t>(array);
    default:
      Fail(key, "is not an array of integers below 2^63");
  }
}

std::vector<float> GgufFile::Floats(std::string_view key) const {
  const GgufArray& array = Array(key);
  if (array.type != GgufType::kFloat32) Fail(key, "is not an array of float32");
  return Unpack<float, float>(array);
}

}  // namespace retort
