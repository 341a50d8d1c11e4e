// The bytes of one trace shard: trees as flat columns in an HDF5 image (FORMAT.md). No files.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/trace/hdf5_file.h"
#include "core/trace/trace_store.h"

namespace retort {

/// Trees in ascending order of problem id, each valid (CheckTree) and each id once: Error(kData)
/// otherwise. Equal input, equal bytes.
std::string SerializeTraceShard(const std::vector<TraceTree>& trees,
                                const TraceProvenance& provenance, const std::string& path);

/// The opposite, trusting nothing: Error(kData) with the label's path and remedy for any fault that
/// the schema, the checksums or the tree's own rules show. Never reads outside `bytes`.
TraceShard ParseTraceShard(std::string_view bytes, const FileLabel& label);

}  // namespace retort
