#include <ostream>

#include "core/base/error.h"
#include "core/base/log.h"
#include "core/base/progress.h"
#include "filter/filter_stage.h"
#include "pipeline/commands.h"
#include "pipeline/runner.h"

namespace retort {
namespace {

/// "id" or "id#node".
int Explain(Env& env, Runner& runner, const Experiment& experiment, const std::string& what,
            std::ostream& out) {
  const size_t hash = what.rfind('#');
  const std::string problem = what.substr(0, hash);
  int32_t node = -1;
  if (hash != std::string::npos) {
    const std::string digits = what.substr(hash + 1);
    if (digits.empty() || digits.size() > 9 ||
        digits.find_first_not_of("0123456789") != std::string::npos) {
      throw Error(
          ExitCode::kUsage,
          StrCat("--explain ", what, ": expected PROBLEM or PROBLEM#NODE with a node number"));
    }
    node = std::stoi(digits);
  }
  const std::vector<NodeStatus> status = runner.Status();
  int64_t lines = 0;
  for (size_t i = 0; i < status.size(); ++i) {
    if (experiment.nodes[i].kind != StageKind::kFilter || status[i].state != StageState::kDone)
      continue;
    for (const std::string& line : ExplainFate(env, status[i].dir, problem, node)) {
      out << experiment.nodes[i].Id() << "  " << line << "\n";
      ++lines;
    }
  }
  if (lines == 0) {
    throw Error(ExitCode::kData, StrCat("--explain ", what,
                                        ": no finished filter stage has a trace of that problem - "
                                        "ids are listed by: retort inspect RUN/generate/STAGE"));
  }
  return 0;
}

void PrintReports(Env& env, Runner& runner, const Experiment& experiment, std::ostream& out) {
  const std::vector<NodeStatus> status = runner.Status();
  for (size_t i = 0; i < status.size(); ++i) {
    if (experiment.nodes[i].kind != StageKind::kEval || status[i].state != StageState::kDone)
      continue;
    const std::string path = JoinPath(status[i].dir, "report.json");
    out << RenderTerminal(ParseJson(env.ReadFile(path), path)) << "\nreport: " << runner.run_dir()
        << "/report.html (" << status[i].dir << ")\n";
  }
}

}  // namespace

int RunCommand(Env& env, const RunArguments& arguments, std::ostream& out) {
  const ExperimentArguments& common = arguments.experiment;
  Experiment experiment = LoadExperiment(env, common.config, common.overrides);
  if (arguments.dry_run) {
    PrintPlan(env, experiment, common, out);
    return 0;
  }
  Runner runner(env, experiment,
                {.runs_dir = common.runs_dir, .command_line = common.command_line});
  if (!arguments.explain.empty()) return Explain(env, runner, experiment, arguments.explain, out);
  runner.Run(arguments.kinds);
  if (arguments.kinds.count(StageKind::kEval) != 0) PrintReports(env, runner, experiment, out);
  return 0;
}

}  // namespace retort
