// Rows of different lengths as two flat arrays, Arrow style: row i is values[offsets[i] ..
// offsets[i + 1]). Value type.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "core/base/strings.h"
#include "core/trace/hdf5_file.h"

namespace retort {

/// Throws Error(kData) naming `path` unless `offsets` has rows + 1 entries, starts at 0, never
/// falls and ends at `values`.
void CheckOffsets(const std::vector<int64_t>& offsets, size_t rows, size_t values,
                  const std::string& path, const FileLabel& label);

template <typename T>
struct RaggedColumn {
  std::vector<T> values;
  std::vector<int64_t> offsets = {0};

  void Append(std::span<const T> row) {
    values.insert(values.end(), row.begin(), row.end());
    offsets.push_back(static_cast<int64_t>(values.size()));
  }
  std::span<const T> Row(size_t row) const {
    const auto begin = static_cast<size_t>(offsets[row]);
    return std::span<const T>(values).subspan(begin, static_cast<size_t>(offsets[row + 1]) - begin);
  }

  /// "<path>/bytes" or "<path>/values", and "<path>/offsets".
  void Write(const std::string& path, Hdf5Writer* out) const {
    out->Array<T>(path + kValuesName, values);
    out->Array<int64_t>(path + "/offsets", offsets);
  }
  void Read(const std::string& path, size_t rows, const Hdf5Reader& in) {
    values = in.Array<T>(path + kValuesName);
    offsets = in.Array<int64_t>(path + "/offsets");
    CheckOffsets(offsets, rows, values.size(), path, in.label());
  }

 private:
  static constexpr const char* kValuesName = std::is_same_v<T, char> ? "/bytes" : "/values";
};

inline std::string TextRow(const RaggedColumn<char>& column, size_t row) {
  const std::span<const char> text = column.Row(row);
  return {text.begin(), text.end()};
}

inline std::vector<int32_t> IdsRow(const RaggedColumn<int32_t>& column, size_t row) {
  const std::span<const int32_t> ids = column.Row(row);
  return {ids.begin(), ids.end()};
}

}  // namespace retort
