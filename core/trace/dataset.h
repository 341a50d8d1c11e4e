// Training examples on disk (HDF5, flat schema; FORMAT.md) with the same commit protocol as traces.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/env.h"
#include "core/base/json.h"
#include "core/trace/types.h"

namespace retort {

struct Dataset {
  std::string view;  // "completion"
  std::string tokenizer_sha256;
  std::vector<Example> examples;
};

/// Writes and commits `path` ("<dir>/dataset.h5"). Order is kept; equal input, equal bytes.
void WriteDataset(Env& env, const std::string& path, const Dataset& dataset, const Json& run);
/// Verifies and reads; Error(kData) names the file.
Dataset ReadDataset(const Env& env, const std::string& path);

/// The bytes of a dataset file, without files or sidecars; `path` only names it in messages.
/// Equal datasets, equal bytes.
std::string SerializeDataset(const Dataset& dataset, const std::string& path);
/// Trusts nothing: Error(kData) for any fault that schema or checksums show.
Dataset ParseDataset(std::string_view bytes, const std::string& path);

/// {"prompt_ids","completion_ids","problem_id","source","node","weight"}.
Json ExampleToJson(const Example& example);

}  // namespace retort
