// Atomic publication of files: temp -> fsync -> link -> sidecar -> fsync of the directory. The
// sidecar JSON is the commit point: readers trust only what one names.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/env.h"
#include "core/base/json.h"

namespace retort {

/// A name beside `path` for a file in the making, unique among the hosts, processes and threads
/// that may share the folder. SweepTemporaries knows it.
std::string TemporaryPath(const std::string& path);

/// Removes a file when the scope is left by an exception. That exception is what the user must see,
/// so a second failure here is only logged.
class RemoveOnFailure {
 public:
  RemoveOnFailure(Env& env, std::string path) : env_(env), path_(std::move(path)) {}
  RemoveOnFailure(const RemoveOnFailure&) = delete;
  RemoveOnFailure& operator=(const RemoveOnFailure&) = delete;
  ~RemoveOnFailure();
  void Keep() { path_.clear(); }

 private:
  Env& env_;
  std::string path_;
};

/// Replaces `path` by `bytes` so that a reader or a crash sees the old or the new whole file:
/// temp in the same folder, fsync, rename, fsync of the folder.
void WriteFileAtomically(Env& env, const std::string& path, std::string_view bytes);

/// What a sidecar says of its file, beside the caller's own fields.
struct Sidecar {
  std::string sha256;  // of the file's bytes
  uint64_t size_bytes = 0;
  Json content;  // deterministic facts: counts, id range, hashes
  Json run;      // host, seconds, times, attempt: outside every hash
};

/// Path of the sidecar of `path`: the extension replaced by ".json".
std::string SidecarPath(const std::string& path);

/// Publishes a file written by somebody else (HDF5) at `temp_path` as `final_path`: re-read and
/// hash, fsync, link, then the sidecar. Removes the temp. If `final_path` exists with the same
/// bytes that is success; with other bytes both are kept and Error(kData) says "two writers".
void CommitFile(Env& env, const std::string& temp_path, const std::string& final_path,
                const Json& content, const Json& run);

/// The sidecar of `final_path`, or nullopt when the file is not committed (no sidecar).
/// Error(kData) when the sidecar itself cannot be read.
std::optional<Sidecar> ReadSidecar(const Env& env, const std::string& final_path);

/// Throws Error(kData) naming the file unless it has a sidecar and its size and SHA-256 agree.
Sidecar VerifyCommitted(const Env& env, const std::string& final_path);

/// SHA-256 of a file's bytes, read in blocks.
std::string Sha256OfFile(const Env& env, const std::string& path);

/// Named crash point: when the environment variable RETORT_CRASH_AT is "name" or "name:n", the
/// n-th arrival (default 1) kills this process with SIGKILL. A test lists all names. Costs one
/// branch when the variable is unset; it is read once.
void CrashPoint(std::string_view name);

/// Every crash point of core/base.
std::vector<std::string> CrashPointNames();

/// Removes the temporary files that killed writers left in `dir`; returns how many. Only for a
/// folder whose lock the caller holds: another writer's temporary is not distinguishable.
int SweepTemporaries(Env& env, const std::string& dir);

}  // namespace retort
