#include "core/base/stage.h"

#include "core/base/commit.h"
#include "core/base/error.h"
#include "core/base/hash.h"

namespace retort {
namespace {

constexpr char kSchema[] = "retort.stage.1";

std::string ManifestPath(const std::string& dir) { return JoinPath(dir, "MANIFEST.json"); }

std::string ContentHash(const std::string& key, const Json& content) {
  return Sha256(DumpJson({{"key", key}, {"content", content}}));
}

[[noreturn]] void ThrowDamaged(const std::string& path, const std::string& why) {
  throw Error(ExitCode::kData, StrCat("stage manifest is damaged - ", path, ": ", why,
                                      " - remove the file to run the stage again"));
}

StageManifest FromJson(const Json& json, const std::string& path) {
  try {
    if (json.at("schema") != kSchema) ThrowDamaged(path, StrCat("its schema is not ", kSchema));
    return {.key = json.at("key").get<std::string>(),
            .sha256 = json.at("sha256").get<std::string>(),
            .content = json.at("content"),
            .run = json.at("run")};
  } catch (const Json::exception& e) {
    ThrowDamaged(path, e.what());
  }
}

}  // namespace

void WriteStageManifest(const StageContext& context, const Json& content, const Json& run) {
  const Json manifest = {{"schema", kSchema},  {"name", context.name},
                         {"key", context.key}, {"sha256", ContentHash(context.key, content)},
                         {"content", content}, {"run", run}};
  WriteFileAtomically(context.env, ManifestPath(context.dir), DumpJsonPretty(manifest));
}

std::optional<StageManifest> ReadStageManifest(const Env& env, const std::string& dir) {
  const std::string path = ManifestPath(dir);
  if (!env.Exists(path)) return std::nullopt;
  StageManifest manifest = FromJson(ParseJson(env.ReadFile(path), path), path);
  if (manifest.sha256 != ContentHash(manifest.key, manifest.content)) {
    ThrowDamaged(path, "its content does not match its sha256");
  }
  return manifest;
}

}  // namespace retort
