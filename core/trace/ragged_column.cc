#include "core/trace/ragged_column.h"

#include <algorithm>

namespace retort {

void CheckOffsets(const std::vector<int64_t>& offsets, size_t rows, size_t values,
                  const std::string& path, const FileLabel& label) {
  const bool valid = offsets.size() == rows + 1 && offsets.front() == 0 &&
                     offsets.back() == static_cast<int64_t>(values) &&
                     std::is_sorted(offsets.begin(), offsets.end());
  if (!valid) label.ThrowDamaged(StrCat(path, " has offsets that do not fit its values"));
}

}  // namespace retort
