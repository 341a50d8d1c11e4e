#include "core/base/error.h"

#include <string_view>

namespace retort {
namespace {

// The compiler may hand out absolute paths; messages name files from the source root.
std::string_view FromSourceRoot(std::string_view file) {
  constexpr std::string_view kThisFile = __FILE__;
  constexpr std::string_view kInTree = "core/base/error.cc";
  const std::string_view root = kThisFile.substr(0, kThisFile.size() - kInTree.size());
  return file.starts_with(root) ? file.substr(root.size()) : file;
}

}  // namespace

void FailCheck(const char* file, int line, const char* condition, const std::string& message) {
  throw Error(ExitCode::kInternal,
              StrCat("internal check failed - ", FromSourceRoot(file), ":", line, ": ", condition,
                     message.empty() ? "" : " - ", message));
}

}  // namespace retort
