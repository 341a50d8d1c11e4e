// One trace tree as self-contained bytes, for journal frames. Little endian, length-prefixed.
#pragma once

#include <string>
#include <string_view>

#include "core/trace/types.h"

namespace retort {

std::string EncodeTree(const TraceTree& tree);
/// Throws Error(kData) naming `where` on anything malformed; never reads outside `bytes`.
TraceTree DecodeTree(std::string_view bytes, const std::string& where);

}  // namespace retort
