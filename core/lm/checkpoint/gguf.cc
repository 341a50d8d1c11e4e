#include "core/lm/checkpoint/gguf.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <set>
#include <type_traits>
#include <utility>

#include "core/base/error.h"

namespace retort {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers are read in place");

constexpr uint64_t kMaxKeys = uint64_t{1} << 16;
constexpr uint64_t kMaxTensors = uint64_t{1} << 20;
constexpr uint64_t kMaxNameBytes = 512;
constexpr uint64_t kMaxStringBytes = uint64_t{1} << 20;
constexpr uint64_t kMaxAlignment = 4096;
constexpr uint64_t kDefaultAlignment = 32;  // of the format
constexpr uint32_t kMaxRank = 4;            // GGML_MAX_DIMS
constexpr uint64_t kLengthBytes = 8;

/// Bytes of one value; 0 for those that have no fixed size.
uint64_t SizeOf(GgufType type) {
  constexpr std::array<uint64_t, 13> kSizes = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
  return kSizes[static_cast<size_t>(type)];
}

/// Bytes in order; every read is checked against what is left.
class Cursor {
 public:
  Cursor(std::string_view bytes, const std::string& path) : bytes_(bytes), path_(path) {}

  [[noreturn]] void Fail(const std::string& why) const {
    throw Error(ExitCode::kData, StrCat("cannot read the GGUF file - ", path_, " - ", why,
                                        " - copy, download or convert the file again"));
  }

  /// Names what is being read, for messages about the bytes that follow.
  void Enter(std::string context) { context_ = std::move(context); }
  const std::string& context() const { return context_; }
  uint64_t position() const { return at_; }
  uint64_t left() const { return bytes_.size() - at_; }

  std::string_view Take(uint64_t size) {
    if (size > left()) {
      Fail(StrCat(context_, " needs ", size, " bytes at byte ", at_, ", the file ends at byte ",
                  bytes_.size()));
    }
    const std::string_view taken = bytes_.substr(at_, static_cast<size_t>(size));
    at_ += taken.size();
    return taken;
  }

  template <typename T>
  T Number() {
    T value;
    std::memcpy(&value, Take(sizeof(T)).data(), sizeof(T));
    return value;
  }

  std::string_view Text(uint64_t max_bytes) {
    const auto size = Number<uint64_t>();
    if (size > max_bytes) {
      Fail(StrCat(context_, " has a text of ", size, " bytes (limit ", max_bytes, ")"));
    }
    return Take(size);
  }

  /// A text that can stand in messages and compare equal only to itself.
  std::string_view Name() {
    const std::string_view name = Text(kMaxNameBytes);
    const auto printable = [](char c) { return c >= ' ' && c <= '~'; };
    if (name.empty() || !std::all_of(name.begin(), name.end(), printable)) {
      Fail(StrCat(context_, " is empty or not printable ASCII"));
    }
    return name;
  }

 private:
  std::string_view bytes_;
  const std::string& path_;
  std::string context_;
  size_t at_ = 0;
};

class Parser {
 public:
  Parser(std::unique_ptr<MappedFile> file, const std::string& path)
      : path_(path), cursor_(file->bytes(), path), file_(std::move(file)) {}

  GgufFile Parse() && {
    ReadHeader();
    for (uint64_t i = 0; i < key_count_; ++i) ReadKey(i);
    // 33 bytes are a tensor's least: a name of one character, one dimension, type and offset.
    if (tensor_count_ > cursor_.left() / 33) {
      cursor_.Fail(StrCat("it claims ", tensor_count_, " tensors in ", cursor_.left(), " bytes"));
    }
    for (uint64_t i = 0; i < tensor_count_; ++i) ReadTensor(i);
    PlaceTensors();
    CheckOverlaps();
    return GgufFile(std::move(file_), path_, std::move(metadata_), std::move(tensors_));
  }

 private:
  void ReadHeader() {
    cursor_.Enter("the header");
    const std::string_view magic = cursor_.Take(4);
    if (magic == "FUGG") cursor_.Fail("it is big-endian; supported: little-endian");
    if (magic != "GGUF") cursor_.Fail("it does not begin with GGUF");
    const auto version = cursor_.Number<uint32_t>();
    if (version != 0 && (version & 0xffffU) == 0) {
      cursor_.Fail("it is big-endian; supported: little-endian");
    }
    if (version != 2 && version != 3) {
      cursor_.Fail(StrCat("its version is ", version, "; supported: 2, 3"));
    }
    tensor_count_ = cursor_.Number<uint64_t>();
    key_count_ = cursor_.Number<uint64_t>();
    if (tensor_count_ > kMaxTensors) {
      cursor_.Fail(StrCat("it claims ", tensor_count_, " tensors (limit ", kMaxTensors, ")"));
    }
    if (key_count_ > kMaxKeys) {
      cursor_.Fail(StrCat("it claims ", key_count_, " metadata keys (limit ", kMaxKeys, ")"));
    }
  }

  void ReadKey(uint64_t index) {
    cursor_.Enter(StrCat("metadata key ", index));
    const std::string_view key = cursor_.Name();
    cursor_.Enter(StrCat("key ", key));
    if (metadata_.contains(key)) cursor_.Fail(StrCat(cursor_.context(), " is there twice"));
    metadata_.emplace(key, ReadValue(ReadType()));
    if (key == "general.alignment") TakeAlignment(metadata_.at(key));
  }

  GgufType ReadType() {
    const auto number = cursor_.Number<uint32_t>();
    if (number > static_cast<uint32_t>(GgufType::kFloat64)) {
      cursor_.Fail(StrCat(cursor_.context(), " has the unknown type ", number));
    }
    return static_cast<GgufType>(number);
  }

  GgufValue ReadValue(GgufType type) {
    switch (type) {
      case GgufType::kUint8:
        return uint64_t{cursor_.Number<uint8_t>()};
      case GgufType::kInt8:
        return int64_t{cursor_.Number<int8_t>()};
      case GgufType::kUint16:
        return uint64_t{cursor_.Number<uint16_t>()};
      case GgufType::kInt16:
        return int64_t{cursor_.Number<int16_t>()};
      case GgufType::kUint32:
        return uint64_t{cursor_.Number<uint32_t>()};
      case GgufType::kInt32:
        return int64_t{cursor_.Number<int32_t>()};
      case GgufType::kFloat32:
        return cursor_.Number<float>();
      case GgufType::kBool:
        return ReadBool();
      case GgufType::kString:
        return cursor_.Text(kMaxStringBytes);
      case GgufType::kArray:
        return ReadArray();
      case GgufType::kUint64:
        return cursor_.Number<uint64_t>();
      case GgufType::kInt64:
        return cursor_.Number<int64_t>();
      case GgufType::kFloat64:
        return cursor_.Number<double>();
    }
    cursor_.Fail(StrCat(cursor_.context(), " has an unknown type"));
  }

  bool ReadBool() {
    const auto value = cursor_.Number<uint8_t>();
    if (value > 1) cursor_.Fail(StrCat(cursor_.context(), " is neither false nor true"));
    return value == 1;
  }

  GgufArray ReadArray() {
    GgufArray array;
    array.type = ReadType();
    array.count = cursor_.Number<uint64_t>();
    if (array.type == GgufType::kArray) {
      cursor_.Fail(StrCat(cursor_.context(), " is an array of arrays"));
    }
    const bool texts = array.type == GgufType::kString;
    const uint64_t least_bytes = texts ? kLengthBytes : SizeOf(array.type);
    if (array.count > cursor_.left() / least_bytes) {
      cursor_.Fail(StrCat(cursor_.context(), " claims ", array.count, " elements in ",
                          cursor_.left(), " bytes"));
    }
    const uint64_t begin = cursor_.position();
    if (texts) {
      for (uint64_t i = 0; i < array.count; ++i) cursor_.Text(kMaxStringBytes);
    } else if (array.type == GgufType::kBool) {
      for (uint64_t i = 0; i < array.count; ++i) ReadBool();
    } else {
      cursor_.Take(array.count * least_bytes);
    }
    array.bytes = file_->bytes().substr(begin, cursor_.position() - begin);
    return array;
  }

  void TakeAlignment(const GgufValue& value) {
    const uint64_t* alignment = std::get_if<uint64_t>(&value);
    if (alignment == nullptr || !std::has_single_bit(*alignment) || *alignment > kMaxAlignment) {
      cursor_.Fail(StrCat("key general.alignment is not a power of two in 1..", kMaxAlignment));
    }
    alignment_ = *alignment;
  }

  void ReadTensor(uint64_t index) {
    cursor_.Enter(StrCat("the name of tensor ", index));
    GgufTensor tensor;
    tensor.name = cursor_.Name();
    cursor_.Enter(StrCat("tensor ", tensor.name));
    if (!names_.insert(tensor.name).second) {
      cursor_.Fail(StrCat(cursor_.context(), " is there twice"));
    }
    const auto rank = cursor_.Number<uint32_t>();
    if (rank < 1 || rank > kMaxRank) {
      cursor_.Fail(StrCat(cursor_.context(), " has ", rank, " dimensions, not 1 to ", kMaxRank));
    }
    tensor.shape.resize(rank);
    for (uint32_t i = 0; i < rank; ++i) tensor.shape[rank - 1 - i] = ReadDimension();
    const auto type = cursor_.Number<uint32_t>();
    if (!IsSupportedGgmlType(type)) {
      cursor_.Fail(StrCat(cursor_.context(), " has type ", GgmlTypeName(type),
                          "; supported: ", SupportedGgmlTypes()));
    }
    tensor.type = static_cast<GgmlType>(type);
    offsets_.push_back(cursor_.Number<uint64_t>());
    tensors_.push_back(std::move(tensor));
  }

  int64_t ReadDimension() {
    const auto size = cursor_.Number<uint64_t>();
    if (size < 1 || size > uint64_t{1} << 62) {
      cursor_.Fail(StrCat(cursor_.context(), " has a dimension of ", size));
    }
    return static_cast<int64_t>(size);
  }

  /// Bytes of the whole blocks that hold a tensor's elements.
  uint64_t BytesOf(const GgufTensor& tensor) const {
    const GgmlBlock block = BlockOf(tensor.type);
    const std::string type = GgmlTypeName(static_cast<uint32_t>(tensor.type));
    if (tensor.shape.back() % block.elements != 0) {
      cursor_.Fail(StrCat("tensor ", tensor.name, " has rows of ", tensor.shape.back(), " values, ",
                          type, " has blocks of ", block.elements));
    }
    int64_t bytes = tensor.shape.back() / block.elements;
    bool overflow = __builtin_mul_overflow(bytes, block.bytes, &bytes);
    for (size_t i = 0; i + 1 < tensor.shape.size(); ++i) {
      overflow = overflow || __builtin_mul_overflow(bytes, tensor.shape[i], &bytes);
    }
    if (overflow || bytes > int64_t{1} << 59) {  // so that the elements can be counted too
      cursor_.Fail(StrCat("the shape of tensor ", tensor.name, " is too large for any file"));
    }
    return static_cast<uint64_t>(bytes);
  }

  /// The data begins at the first aligned byte after the tensors' entries.
  void PlaceTensors() {
    const std::string_view bytes = file_->bytes();
    const uint64_t padded = (cursor_.position() + alignment_ - 1) / alignment_ * alignment_;
    const std::string_view data = bytes.substr(std::min<uint64_t>(padded, bytes.size()));
    for (size_t i = 0; i < tensors_.size(); ++i) {
      GgufTensor& tensor = tensors_[i];
      const uint64_t begin = offsets_[i], size = BytesOf(tensor);
      if (begin % alignment_ != 0) {
        cursor_.Fail(StrCat("tensor ", tensor.name, " begins at byte ", begin,
                            " of the data, which is not a multiple of ", alignment_));
      }
      if (begin > data.size() || size > data.size() - begin) {
        cursor_.Fail(StrCat("tensor ", tensor.name, " has ", size, " bytes from byte ", begin,
                            " of the data, which ends at byte ", data.size()));
      }
      tensor.bytes = data.substr(begin, size);
    }
  }

  void CheckOverlaps() const {
    std::vector<const GgufTensor*> order;
    order.reserve(tensors_.size());
    for (const GgufTensor& tensor : tensors_) order.push_back(&tensor);
    std::sort(order.begin(), order.end(), [](const GgufTensor* a, const GgufTensor* b) {
      return std::pair(a->bytes.data(), a->name) < std::pair(b->bytes.data(), b->name);
    });
    for (size_t i = 1; i < order.size(); ++i) {
      const std::string_view before = order[i - 1]->bytes;
      if (before.data() + before.size() > order[i]->bytes.data()) {
        cursor_.Fail(StrCat("tensors ", order[i - 1]->name, " and ", order[i]->name, " overlap"));
      }
    }
  }

  const std::string& path_;
  Cursor cursor_;
  std::unique_ptr<MappedFile> file_;
  uint64_t tensor_count_ = 0;
  uint64_t key_count_ = 0;
  uint64_t alignment_ = kDefaultAlignment;
  std::map<std::string_view, GgufValue> metadata_;
  std::set<std::string_view> names_;
  std::vector<GgufTensor> tensors_;
  std::vector<uint64_t> offsets_;  // of `tensors_`, from the start of the data
};

}  // namespace

GgufFile ParseGguf(std::unique_ptr<MappedFile> file, const std::string& path) {
  return Parser(std::move(file), path).Parse();
}

GgufFile ReadGguf(const Env& env, const std::string& path) {
  return ParseGguf(env.Map(path), path);
}

}  // namespace retort
