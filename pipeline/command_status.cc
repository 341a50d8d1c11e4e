#include <cstdio>
#include <iomanip>
#include <ostream>

#include "core/base/strings.h"
#include "pipeline/commands.h"
#include "pipeline/runner.h"

namespace retort {
namespace {

/// "  42 s    310 MB  ": wall time and peak memory of a finished stage.
std::string Spent(const Json& run) {
  char text[64] = "";
  if (run.contains("seconds") && run.contains("peak_resident_bytes")) {
    std::snprintf(text, sizeof text, "%5.0f s %6.0f MB  ", run["seconds"].get<double>(),
                  1e-6 * run["peak_resident_bytes"].get<double>());
  }
  return text;
}

}  // namespace

int StatusCommand(Env& env, const StatusArguments& arguments, std::ostream& out) {
  const ExperimentArguments& common = arguments.experiment;
  Experiment experiment = LoadExperiment(env, common.config, common.overrides);
  Runner runner(env, experiment, {.runs_dir = common.runs_dir, .command_line = {}});
  size_t width = 0;
  for (const StageNode& node : experiment.nodes) width = std::max(width, node.Id().size());
  const std::vector<NodeStatus> all = runner.Status();
  for (size_t i = 0; i < all.size(); ++i) {
    const NodeStatus& status = all[i];
    out << std::left << std::setw(static_cast<int>(width) + 2) << experiment.nodes[i].Id()
        << std::setw(9) << StageStateName(status.state);
    if (status.manifest) out << Spent(status.manifest->run);
    out << status.dir;
    if (arguments.why && !status.why.empty()) out << "  " << status.why;
    out << "\n";
  }
  return 0;
}

}  // namespace retort
