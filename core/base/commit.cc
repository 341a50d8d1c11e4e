#include "core/base/commit.h"

#include <unistd.h>

#include <atomic>
#include <utility>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/base/log.h"

namespace retort {
namespace {

constexpr char kSchema[] = "retort.file.1";
constexpr char kTemporaryMark[] = ".tmp.";

Json SidecarJson(const std::string& final_path, const Sidecar& sidecar) {
  return {{"schema", kSchema},          {"file", BaseName(final_path)},
          {"sha256", sidecar.sha256},   {"size_bytes", sidecar.size_bytes},
          {"content", sidecar.content}, {"run", sidecar.run}};
}

Sidecar SidecarFromJson(const Json& json) {
  return {.sha256 = json.at("sha256").get<std::string>(),
          .size_bytes = json.at("size_bytes").get<uint64_t>(),
          .content = json.at("content"),
          .run = json.at("run")};
}

// Removes a file that this process linked when its sidecar never came to be: a file without one is
// not committed, and the next attempt should find the name free.
class RemoveUncommitted {
 public:
  RemoveUncommitted(Env& env, const std::string& path) : env_(env), path_(path) {}
  RemoveUncommitted(const RemoveUncommitted&) = delete;
  RemoveUncommitted& operator=(const RemoveUncommitted&) = delete;
  ~RemoveUncommitted() {
    if (committed_ || env_.Exists(SidecarPath(path_))) return;
    const RemoveOnFailure remove(env_, path_);
  }
  void Committed() { committed_ = true; }

 private:
  Env& env_;
  const std::string& path_;
  bool committed_ = false;
};

[[noreturn]] void ThrowTwoWriters(const Env& env, const std::string& temp_path,
                                  const std::string& final_path) {
  const bool committed = ReadSidecar(env, final_path).has_value();
  throw Error(ExitCode::kData,
              StrCat("two writers - ", final_path, " exists with other bytes than ", temp_path,
                     "; both are kept - ",
                     committed ? "make sure that one run uses the folder, then remove the wrong one"
                               : "no sidecar names it: remove it and run the same command again"));
}

[[noreturn]] void ThrowDamaged(const std::string& path, const std::string& why) {
  throw Error(ExitCode::kData, StrCat("damaged file - ", path, ": ", why,
                                      " - remove it and its sidecar, then run the stage again"));
}

void PublishSidecar(Env& env, const std::string& final_path, const Sidecar& sidecar) {
  CrashPoint("commit.after_link");
  env.SyncPath(ParentPath(final_path));
  CrashPoint("commit.before_sidecar");
  const Json json = SidecarJson(final_path, sidecar);
  WriteFileAtomically(env, SidecarPath(final_path), DumpJsonPretty(json));
  CrashPoint("commit.after_sidecar");
}

}  // namespace

std::string TemporaryPath(const std::string& path) {
  static std::atomic<uint64_t> count{0};
  return StrCat(path, kTemporaryMark, HostName(), ".", ::getpid(), ".", ++count);
}

RemoveOnFailure::~RemoveOnFailure() {
  if (path_.empty()) return;
  try {
    env_.Remove(path_);
  } catch (const Error& error) {
    LogWarning(StrCat("a temporary file stays behind - ", error.what()));
  }
}

void WriteFileAtomically(Env& env, const std::string& path, std::string_view bytes) {
  const std::string temp_path = TemporaryPath(path);
  RemoveOnFailure temp(env, temp_path);
  const std::unique_ptr<WritableFile> file = env.NewFile(temp_path);
  file->Append(bytes);
  CrashPoint("atomic.before_sync");
  file->Sync();
  file->Close();
  CrashPoint("atomic.before_rename");
  env.Rename(temp_path, path);
  temp.Keep();
  CrashPoint("atomic.after_rename");
  env.SyncPath(ParentPath(path));
}

std::string SidecarPath(const std::string& path) {
  const size_t name = path.rfind('/') + 1;  // npos + 1 is 0
  const size_t dot = path.rfind('.');
  const bool has_extension = dot != std::string::npos && dot > name;
  std::string sidecar = StrCat(has_extension ? path.substr(0, dot) : path, ".json");
  RETORT_CHECK(sidecar != path, path, " would be its own sidecar");
  return sidecar;
}

void CommitFile(Env& env, const std::string& temp_path, const std::string& final_path,
                const Json& content, const Json& run) {
  RemoveOnFailure temp(env, temp_path);
  const Sidecar sidecar{.sha256 = Sha256OfFile(env, temp_path),
                        .size_bytes = env.FileSize(temp_path),
                        .content = content,
                        .run = run};
  env.SyncPath(temp_path);
  CrashPoint("commit.before_link");
  if (env.Link(temp_path, final_path)) {
    RemoveUncommitted linked(env, final_path);
    PublishSidecar(env, final_path, sidecar);
    linked.Committed();
  } else if (Sha256OfFile(env, final_path) == sidecar.sha256) {
    PublishSidecar(env, final_path, sidecar);  // an earlier attempt, or a twin, got this far
  } else {
    temp.Keep();
    ThrowTwoWriters(env, temp_path, final_path);
  }
  env.Remove(temp_path);
  temp.Keep();
}

std::optional<Sidecar> ReadSidecar(const Env& env, const std::string& final_path) {
  const std::string path = SidecarPath(final_path);
  if (!env.Exists(path)) return std::nullopt;
  const Json json = ParseJson(env.ReadFile(path), path);
  try {
    if (json.at("schema") != kSchema) {
      ThrowDamaged(path, StrCat("its schema is not ", kSchema));
    }
    return SidecarFromJson(json);
  } catch (const Json::exception& e) {
    ThrowDamaged(path, e.what());
  }
}

Sidecar VerifyCommitted(const Env& env, const std::string& final_path) {
  std::optional<Sidecar> sidecar = ReadSidecar(env, final_path);
  if (!sidecar) {
    throw Error(ExitCode::kData,
                StrCat("not committed - ", final_path, ": ", SidecarPath(final_path),
                       " is missing - run the stage that writes it again"));
  }
  if (!env.Exists(final_path)) ThrowDamaged(final_path, "the file that its sidecar names is gone");
  const uint64_t size = env.FileSize(final_path);
  if (size != sidecar->size_bytes) {
    ThrowDamaged(final_path, StrCat("it has ", WithCommas(static_cast<int64_t>(size)),
                                    " bytes, its sidecar says ",
                                    WithCommas(static_cast<int64_t>(sidecar->size_bytes))));
  }
  if (Sha256OfFile(env, final_path) != sidecar->sha256) {
    ThrowDamaged(final_path, StrCat("its sha256 differs from its sidecar (",
                                    WithCommas(static_cast<int64_t>(size)), " bytes)"));
  }
  return *std::move(sidecar);
}

std::string Sha256OfFile(const Env& env, const std::string& path) {
  Sha256Stream stream;
  env.ReadBlocks(path, [&](std::string_view block) { stream.Update(block); });
  return stream.Finish();
}

int SweepTemporaries(Env& env, const std::string& dir) {
  int removed = 0;
  for (const std::string& name : env.List(dir)) {
    if (name.find(kTemporaryMark) == std::string::npos) continue;
    env.Remove(JoinPath(dir, name));
    ++removed;
  }
  return removed;
}

}  // namespace retort
