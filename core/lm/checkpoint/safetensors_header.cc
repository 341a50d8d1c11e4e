#include "core/lm/checkpoint/safetensors_header.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

#include "core/base/error.h"
#include "core/base/json.h"

namespace retort {
namespace {

// Tighter than the format's own limits (100 MB header), so that a damaged length asks for little.
constexpr uint64_t kMaxHeaderBytes = uint64_t{16} << 20;
constexpr size_t kMaxTensors = size_t{1} << 20;
constexpr size_t kMaxNameBytes = 512;
constexpr size_t kMaxRank = 8;
constexpr uint64_t kLengthBytes = 8;

std::optional<SafetensorsType> TypeOf(const std::string& name) {
  for (const SafetensorsType& type : kSafetensorsTypes) {
    if (name == type.name) return type;
  }
  return std::nullopt;
}

/// One entry of the header, checked on its own.
struct Entry {
  std::string name;
  SafetensorsType type{};
  std::vector<int64_t> shape;
  uint64_t begin = 0;  // bytes from the start of the data
  uint64_t end = 0;
};

class Reader {
 public:
  Reader(std::string_view bytes, const std::string& path) : bytes_(bytes), path_(path) {}

  SafetensorsFile Read() {
    const Json header = ParseHeader();
    SafetensorsFile file;
    std::vector<Entry> entries;
    for (const auto& [name, value] : header.items()) {
      if (name == "__metadata__") {
        ReadMetadata(value, &file.metadata);
      } else {
        entries.push_back(ParseEntry(name, value));
      }
    }
    CheckLayout(entries);
    for (Entry& entry : entries) {
      file.tensors.push_back({.name = std::move(entry.name),
                              .dtype = entry.type.name,
                              .shape = std::move(entry.shape),
                              .bytes = data_.substr(static_cast<size_t>(entry.begin),
                                                    static_cast<size_t>(entry.end - entry.begin))});
    }
    return file;
  }

 private:
  [[noreturn]] void Fail(const std::string& why) const {
    throw Error(ExitCode::kData, StrCat("cannot read the safetensors file - ", path_, " - ", why,
                                        " - copy or export the file again"));
  }

  Json ParseHeader() {
    if (bytes_.size() < kLengthBytes) {
      Fail(StrCat("it has ", bytes_.size(), " bytes and no header"));
    }
    uint64_t length = 0;
    for (size_t i = 0; i < kLengthBytes; ++i) {
      length |= uint64_t{static_cast<unsigned char>(bytes_[i])} << (8 * i);
    }
    if (length > kMaxHeaderBytes || length > bytes_.size() - kLengthBytes) {
      Fail(StrCat("its header claims ", length, " bytes, the file has ", bytes_.size(), " (limit ",
                  kMaxHeaderBytes, ")"));
    }
    const std::string_view text(bytes_.data() + kLengthBytes, static_cast<size_t>(length));
    if (text.empty() || text.front() != '{') Fail("its header does not begin with {");
    data_ = bytes_.substr(kLengthBytes + static_cast<size_t>(length));
    Json header = ParseJson(text, path_);
    if (header.size() > kMaxTensors) Fail(StrCat("it names more than ", kMaxTensors, " tensors"));
    return header;
  }

  void ReadMetadata(const Json& value, std::map<std::string, std::string>* metadata) const {
    if (!value.is_object()) Fail("__metadata__ is not an object");
    for (const auto& [key, text] : value.items()) {
      if (!text.is_string()) Fail(StrCat("__metadata__ ", key, " is not a string"));
      (*metadata)[key] = text.get<std::string>();
    }
  }

  Entry ParseEntry(const std::string& name, const Json& value) const {
    if (name.size() > kMaxNameBytes) {
      Fail(StrCat("a tensor name has more than ", kMaxNameBytes, " bytes"));
    }
    const auto whole = [](const Json& number) { return number.is_number_unsigned(); };
    const auto list = [&whole](const Json& json) {
      return json.is_array() && std::all_of(json.begin(), json.end(), whole);
    };
    if (!value.is_object() || value.size() != 3 || !value.contains("dtype") ||
        !value.contains("shape") || !value.contains("data_offsets") ||
        !value.at("dtype").is_string() || !list(value.at("shape")) ||
        !list(value.at("data_offsets")) || value.at("data_offsets").size() != 2) {
      Fail(StrCat("the entry of tensor ", name,
                  " is not {dtype: text, shape: [numbers], data_offsets: [begin, end]}"));
    }
    Entry entry;
    entry.name = name;
    const auto type = TypeOf(value.at("dtype").get<std::string>());
    if (!type) {
      Fail(StrCat("tensor ", name, " has type ", value.at("dtype").get<std::string>(),
                  "; supported: F32, F16, BF16, F64, I64, I32, U8"));
    }
    entry.type = *type;
    entry.begin = value.at("data_offsets").at(0).get<uint64_t>();
    entry.end = value.at("data_offsets").at(1).get<uint64_t>();
    CheckExtent(value.at("shape"), &entry);
    return entry;
  }

  /// The offsets lie in the file, in order, and hold exactly the bytes of the shape.
  void CheckExtent(const Json& shape, Entry* entry) const {
    if (shape.size() > kMaxRank) {
      Fail(StrCat("tensor ", entry->name, " has more than ", kMaxRank, " dimensions"));
    }
    if (entry->begin > entry->end || entry->end > data_.size()) {
      Fail(StrCat("tensor ", entry->name, " lies at bytes ", entry->begin, "..", entry->end, " of ",
                  data_.size()));
    }
    // `extent` ignores zeros, because strides do.
    uint64_t wanted = entry->type.bytes, extent = wanted;
    for (const Json& json : shape) {
      const auto size = json.get<uint64_t>();
      wanted *= size;
      if (__builtin_mul_overflow(extent, std::max(size, uint64_t{1}), &extent) ||
          extent > uint64_t{1} << 62) {
        Fail(StrCat("the shape of tensor ", entry->name, " is too large for any file"));
      }
      entry->shape.push_back(static_cast<int64_t>(size));
    }
    if (wanted != entry->end - entry->begin) {
      Fail(StrCat("tensor ", entry->name, " needs ", wanted, " bytes by its shape and has ",
                  entry->end - entry->begin));
    }
  }

  /// No holes, no overlaps, nothing left over.
  void CheckLayout(std::vector<Entry>& entries) const {
    std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
      return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
    });
    uint64_t expected = 0;
    for (const Entry& entry : entries) {
      if (entry.begin != expected) {
        Fail(StrCat("tensor ", entry.name, " begins at byte ", entry.begin, " of the data, not at ",
                    expected, entry.begin < expected ? " (overlap)" : " (hole)"));
      }
      expected = entry.end;
    }
    if (expected != data_.size()) {
      Fail(
          StrCat("its tensors end at byte ", expected, " of the data, the file at ", data_.size()));
    }
  }

  std::string_view bytes_;
  const std::string& path_;
  std::string_view data_;
};

}  // namespace

SafetensorsFile ParseSafetensors(std::string_view bytes, const std::string& path) {
  return Reader(bytes, path).Read();
}

}  // namespace retort
