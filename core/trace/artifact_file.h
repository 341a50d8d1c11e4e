// Publishing and checking a file that was built in memory: what trace shards and datasets share.
#pragma once

#include <string>
#include <string_view>

#include "core/base/commit.h"
#include "core/base/env.h"
#include "core/trace/hdf5_file.h"

namespace retort {

/// Writes `bytes` beside `path` under a temporary name ("<path>.tmp.<host>.<pid>") and commits it.
/// Error(kIo) with path, bytes needed and bytes free when they do not fit; no temporary is left.
void CommitBytes(Env& env, const std::string& path, std::string_view bytes, const Json& content,
                 const Json& run);

/// The bytes of a committed file, equal in size and SHA-256 to what its sidecar says; otherwise
/// Error(kData) with the label's path and remedy.
std::string ReadCommittedBytes(const Env& env, const FileLabel& label);

}  // namespace retort
