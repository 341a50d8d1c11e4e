#include "core/trace/artifact_file.h"

#include <optional>

#include "core/base/error.h"
#include "core/base/hash.h"

namespace retort {
namespace {

void CheckFreeSpace(const Env& env, const std::string& path, size_t needed) {
  const uint64_t free = env.FreeBytes(ParentPath(path));
  if (free >= needed) return;
  throw Error(ExitCode::kIo,
              StrCat("disk full - ", path, ": needs ", WithCommas(static_cast<int64_t>(needed)),
                     " bytes, ", WithCommas(static_cast<int64_t>(free)),
                     " free - make room and run the same command again"));
}

}  // namespace

void CommitBytes(Env& env, const std::string& path, std::string_view bytes, const Json& content,
                 const Json& run) {
  env.CreateDirs(ParentPath(path));
  CheckFreeSpace(env, path, bytes.size());
  const std::string temp_path = TemporaryPath(path);
  RemoveOnFailure temp(env, temp_path);
  const std::unique_ptr<WritableFile> file = env.NewFile(temp_path);
  file->Append(bytes);
  file->Close();
  temp.Keep();  // from here on CommitFile looks after it
  CommitFile(env, temp_path, path, content, run);
}

std::string ReadCommittedBytes(const Env& env, const FileLabel& label) {
  const std::optional<Sidecar> sidecar = ReadSidecar(env, label.path);
  if (!sidecar) {
    label.ThrowDamaged(StrCat("not committed, ", SidecarPath(label.path), " is missing"));
  }
  if (!env.Exists(label.path)) label.ThrowDamaged("the file that its sidecar names is gone");
  std::string bytes = env.ReadFile(label.path);
  if (bytes.size() != sidecar->size_bytes) {
    label.ThrowDamaged(
        StrCat("it has ", bytes.size(), " bytes, its sidecar says ", sidecar->size_bytes));
  }
  if (Sha256(bytes) != sidecar->sha256) label.ThrowDamaged("its SHA-256 differs from its sidecar");
  return bytes;
}

}  // namespace retort
