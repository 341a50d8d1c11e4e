#include <ostream>

#include "core/base/error.h"
#include "core/base/strings.h"
#include "pipeline/commands.h"

namespace retort {
namespace {

void PrintDifferences(const Json& a, const Json& b, const std::string& path, std::ostream& out) {
  if (a == b) return;
  if (!a.is_object() || !b.is_object()) {
    out << path << ": " << DumpJson(a) << " -> " << DumpJson(b) << "\n";
    return;
  }
  for (const auto& [key, value] : a.items()) {
    const std::string inner = path.empty() ? key : StrCat(path, ".", key);
    if (!b.contains(key)) {
      out << inner << ": " << DumpJson(value) << " -> (absent)\n";
    } else {
      PrintDifferences(value, b[key], inner, out);
    }
  }
  for (const auto& [key, value] : b.items()) {
    if (!a.contains(key))
      out << (path.empty() ? key : StrCat(path, ".", key)) << ": (absent) -> " << DumpJson(value)
          << "\n";
  }
}

}  // namespace

int ConfigCommand(Env& env, const ExperimentArguments& arguments, const std::string& diff,
                  std::ostream& out) {
  const Experiment experiment = LoadExperiment(env, arguments.config, arguments.overrides);
  if (diff.empty()) {
    out << experiment.resolved_yaml;
  } else {
    PrintDifferences(experiment.resolved, LoadExperiment(env, diff, {}).resolved, "", out);
  }
  return 0;
}

}  // namespace retort
