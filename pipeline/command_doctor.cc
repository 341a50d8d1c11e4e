#include <dlfcn.h>

#include <fstream>
#include <map>
#include <ostream>
#include <set>

#include "core/base/clock.h"
#include "core/base/commit.h"
#include "core/base/error.h"
#include "core/base/strings.h"
#include "core/lm/engine/device.h"
#include "core/lm/model/isa.h"
#include "core/task/verifier_audit.h"
#include "core/trace/trace_store.h"
#include "pipeline/commands.h"
#include "pipeline/runner.h"
#include "pipeline/version.h"

namespace retort {
namespace {

/// Two copies of one runtime in a process corrupt each other (libgomp, libcudart, libprotobuf).
std::vector<std::string> DuplicateLibraries() {
  std::map<std::string, std::set<std::string>> paths;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    const size_t slash = line.find('/');
    if (slash == std::string::npos) continue;
    const std::string path = line.substr(slash);
    const std::string name = BaseName(path);
    for (const char* runtime : {"libgomp", "libcudart", "libprotobuf", "libstdc++"}) {
      if (name.rfind(runtime, 0) == 0) paths[runtime].insert(path);
    }
  }
  std::vector<std::string> found;
  for (const auto& [runtime, copies] : paths) {
    if (copies.size() > 1) found.push_back(StrCat(runtime, " is loaded ", copies.size(), " times"));
  }
  return found;
}

int Check(std::ostream& out, const std::string& what, const std::string& problem) {
  out << (problem.empty() ? "ok    " : "PROBLEM  ") << what << (problem.empty() ? "" : " - ")
      << problem << "\n";
  return problem.empty() ? 0 : 1;
}

std::string TryVerify(const Env& env, const std::string& path) {
  try {
    VerifyCommitted(env, path);
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

std::string TryServer(const ServerConfig& server, Runner& runner) {
  try {
    CheckServer(server, runner.GetTokenizer());
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

int CheckRunFolder(Env& env, const ExperimentArguments& arguments, std::ostream& out) {
  Experiment experiment = LoadExperiment(env, arguments.config, arguments.overrides);
  Runner runner(env, experiment, {.runs_dir = arguments.runs_dir, .command_line = {}});
  int problems = 0;
  try {
    runner.CheckInputs();
    problems +=
        Check(out, StrCat(arguments.config, ": problems, checkpoints and tokenizer agree"), "");
  } catch (const Error& error) {
    problems += Check(out, arguments.config, error.what());
  }
  for (const auto& [name, config] : experiment.generate) {
    if (!config.server) continue;
    problems += Check(out,
                      StrCat("generate.", name, ": server ", config.server->url, " serves ",
                             config.server->model),
                      TryServer(*config.server, runner));
  }
  for (const NodeStatus& status : runner.Status()) {
    if (status.dir.empty()) continue;
    for (const std::string& shard : ListShards(env, status.dir))
      problems += Check(out, shard, TryVerify(env, shard));
    const std::string dataset = JoinPath(status.dir, "dataset.h5");
    if (env.Exists(dataset)) problems += Check(out, dataset, TryVerify(env, dataset));
  }
  return problems;
}

/// The verifier that is asked for: as the experiment file sets it, or with its default keys.
std::unique_ptr<AnswerVerifier> AuditedVerifier(const Env& env, const DoctorArguments& arguments) {
  const ExperimentArguments& experiment = arguments.experiment;
  if (experiment.config.empty()) return DefaultAnswerVerifier(arguments.verifier);
  // Only task.verifier matters here: what else the file holds is not judged.
  const auto document = ConfigDocument::Parse(env.ReadFile(experiment.config), experiment.config,
                                              experiment.overrides);
  ConfigSection section = document->Root().Section("task").Section("verifier");
  std::string name;
  section.String("name", &name);
  if (name != arguments.verifier) {
    throw Error(ExitCode::kUsage, StrCat(experiment.config, ": task.verifier.name is \"", name,
                                         "\", not \"", arguments.verifier, "\""));
  }
  std::unique_ptr<AnswerVerifier> verifier = MakeAnswerVerifier(section);
  if (verifier == nullptr) document->Finish();
  return verifier;
}

/// Optional: only `verifier: {name: code}` needs it.
std::string SandboxState() {
  try {
    return StrCat("ok    sandbox for model-written code: ",
                  DefaultAnswerVerifier("code")->Identity());
  } catch (const Error& error) {
    return StrCat("absent  ", error.what());
  }
}

int AuditCommand(const Env& env, const DoctorArguments& arguments, std::ostream& out) {
  const std::unique_ptr<AnswerVerifier> verifier = AuditedVerifier(env, arguments);
  const std::string path = arguments.pairs.empty()
                               ? StrCat("tests/data/verifiers/", arguments.verifier, ".jsonl")
                               : arguments.pairs;
  if (!env.Exists(path)) {
    throw Error(ExitCode::kData, StrCat(path,
                                        ": not found - the labelled pairs lie in the source "
                                        "folder: run this there, or give --pairs FILE"));
  }
  const VerifierAudit audit = AuditVerifier(*verifier, ReadAnswerPairs(env, path));
  out << verifier->Identity() << " on " << path << ": " << audit.Summary() << "\n";
  for (const AuditMistake& mistake : audit.mistakes) {
    out << path << ":" << mistake.pair.line << ": "
        << (mistake.pair.accept ? "should be accepted" : "should be refused") << ", is "
        << VerdictName(mistake.verdict) << "\n";
  }
  return audit.mistakes.empty() ? 0 : static_cast<int>(ExitCode::kData);
}

}  // namespace

int DoctorCommand(Env& env, const DoctorArguments& arguments, std::ostream& out) {
  if (!arguments.verifier.empty()) return AuditCommand(env, arguments, out);
  out << "retort " << kRetortVersion << ", " << ProcessorName() << ", kernels";
  for (const Isa isa : kIsas) {
    if (IsaSupported(isa)) out << " " << IsaName(isa);
  }
  out << ", " << DescribeDevices() << "\n";
  int problems = 0;
  std::string duplicates;
  for (const std::string& found : DuplicateLibraries()) duplicates += found + "; ";
  problems += Check(out, "one copy of each runtime library", duplicates);
  out << SandboxState() << "\n";
  const uint64_t free_bytes = env.FreeBytes(".");
  problems +=
      Check(out, StrCat("disk: ", free_bytes >> 20, " MiB free"),
            free_bytes < (uint64_t{256} << 20) ? "less than 256 MiB: a run may not fit" : "");
  const ExperimentArguments& experiment = arguments.experiment;
  if (!experiment.config.empty()) problems += CheckRunFolder(env, experiment, out);
  return problems == 0 ? 0 : static_cast<int>(ExitCode::kData);
}

}  // namespace retort
