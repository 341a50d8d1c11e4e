#include "core/base/bounded_file.h"

#include "core/base/error.h"

namespace retort {

std::string ReadFileUpTo(const Env& env, const std::string& path, uint64_t max_bytes) {
  std::string bytes;
  env.ReadBlocks(path, [&](std::string_view block) {
    if (bytes.size() + block.size() > max_bytes) {
      throw Error(ExitCode::kData,
                  StrCat(path, ": longer than ", WithCommas(static_cast<int64_t>(max_bytes)),
                         " bytes, the most that is read of such a file - is it the right one?"));
    }
    bytes += block;
  });
  return bytes;
}

}  // namespace retort
