#include "pipeline/cli.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <ostream>

#include "core/base/error.h"
#include "core/base/log.h"
#include "pipeline/commands.h"
#include "pipeline/export_shapes.h"
#include "pipeline/version.h"

namespace retort {
namespace {

const std::set<StageKind> kAllKinds = {StageKind::kGenerate, StageKind::kFilter, StageKind::kTrain,
                                       StageKind::kEval};

/// Everything the parser fills in; which command ran is decided afterwards.
struct Parsed {
  RunArguments run;
  StatusArguments status;
  InspectArguments inspect;
  ExportArguments export_;
  ExperimentArguments config;
  DoctorArguments doctor;
  std::string diff;
  bool verbose = false;
};

void AddExperiment(CLI::App* app, ExperimentArguments& arguments, bool required = true) {
  auto* config = app->add_option("config", arguments.config, "experiment file (YAML)");
  if (required) config->required();
  app->add_option("overrides", arguments.overrides, "key.path=value, replaces a value of the file");
  app->add_option("--runs", arguments.runs_dir, "folder that holds the run folders")
      ->capture_default_str();
}

void AddRun(CLI::App& app, Parsed& parsed, const char* name, const char* help) {
  CLI::App* command = app.add_subcommand(name, help);
  AddExperiment(command, parsed.run.experiment);
  command->add_flag("--dry-run", parsed.run.dry_run,
                    "print the plan, estimates and the first prompt; run nothing");
  if (std::string(name) == "filter" || std::string(name) == "run") {
    command->add_option("--explain", parsed.run.explain,
                        "PROBLEM or PROBLEM#NODE: why its traces were kept or dropped");
  }
}

void AddCommands(CLI::App& app, Parsed& parsed) {
  app.require_subcommand(1);
  app.set_version_flag("--version", std::string("retort ") + kRetortVersion);
  app.add_flag("-v,--verbose", parsed.verbose, "log debug lines");
  app.footer(
      "example: retort run configs/ring_sort/quickstart.yaml train.student.steps=500\n"
      "exit codes: 0 done, 64 usage, 65 data, 69 unavailable, 70 internal, 74 I/O, 75 try again,\n"
      "            78 config, 130 interrupted");
  AddRun(app, parsed, "run", "run every stage that is not complete");
  AddRun(app, parsed, "generate", "run the generate stages only");
  AddRun(app, parsed, "filter", "run the filter stages only, or --explain a fate");
  AddRun(app, parsed, "train", "run the train stages only");
  AddRun(app, parsed, "eval", "run the eval stages only");
  CLI::App* status = app.add_subcommand("status", "what is done, partial and to do");
  AddExperiment(status, parsed.status.experiment);
  status->add_flag("--why", parsed.status.why,
                   "name the first difference that makes a stage run again");
  CLI::App* inspect = app.add_subcommand("inspect", "say what a file or folder is and show it");
  inspect
      ->add_option("path", parsed.inspect.path,
                   "shard, data set, journal, report, model, experiment file, stage or run")
      ->required();
  inspect->add_option("--problem", parsed.inspect.problem, "draw this problem's search tree");
  inspect->add_option("--limit", parsed.inspect.limit, "trees or examples shown")
      ->capture_default_str();
  inspect->add_flag("--prompt", parsed.inspect.prompt,
                    "of an experiment file: its first prompt as the model reads it, with token "
                    "ids, and what a gold completion would teach");
  CLI::App* exports = app.add_subcommand(
      "export", "trees or training examples as JSON lines, or a model as a folder");
  exports
      ->add_option("path", parsed.export_.path,
                   "generate or filter stage folder, shard or data set; for hf a model")
      ->required();
  exports->add_option("--to", parsed.export_.to, "jsonl, or hf: a folder transformers loads")
      ->check(CLI::IsMember({"jsonl", "hf"}))
      ->capture_default_str();
  exports
      ->add_option("--shape", parsed.export_.shape,
                   "a filter stage's kept traces as trainers read them")
      ->check(CLI::IsMember(ExportShapes()));
  exports->add_option("-o,--output", parsed.export_.output,
                      "file, standard output if left out; for hf a new folder");
  CLI::App* config = app.add_subcommand("config", "check a file and print it with every default");
  AddExperiment(config, parsed.config);
  config->add_option("--diff", parsed.diff, "print the differences to this other file instead");
  CLI::App* doctor =
      app.add_subcommand("doctor", "check this machine, and a run folder if a config is given");
  AddExperiment(doctor, parsed.doctor.experiment, false);
  doctor->add_option("--verifier", parsed.doctor.verifier,
                     "print this answer verifier's error rates on labelled pairs instead");
  doctor->add_option("--pairs", parsed.doctor.pairs,
                     "labelled pairs; tests/data/verifiers/NAME.jsonl if left out");
}

int Dispatch(Env& env, const CLI::App& app, Parsed& parsed,
             const std::vector<std::string>& arguments, std::ostream& out) {
  const std::string command = app.get_subcommands().front()->get_name();
  if (command == "status") return StatusCommand(env, parsed.status, out);
  if (command == "inspect") return InspectCommand(env, parsed.inspect, out);
  if (command == "export") return ExportCommand(env, parsed.export_, out);
  if (command == "config") return ConfigCommand(env, parsed.config, parsed.diff, out);
  if (command == "doctor") return DoctorCommand(env, parsed.doctor, out);
  parsed.run.experiment.command_line = arguments;
  parsed.run.kinds = kAllKinds;
  if (command != "run") {
    std::erase_if(parsed.run.kinds, [&](StageKind kind) { return command != StageKindName(kind); });
  }
  return RunCommand(env, parsed.run, out);
}

}  // namespace

int RunCommandLine(Env& env, const std::vector<std::string>& arguments, std::ostream& out,
                   std::ostream& err) {
  CLI::App app("Retort turns search into weights, and proves what that cost and what it saved.",
               "retort");
  Parsed parsed;
  AddCommands(app, parsed);
  try {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    app.parse(reversed);
  } catch (const CLI::Success& success) {
    return app.exit(success, out, err);
  } catch (const CLI::ParseError& error) {
    err << "retort: " << error.what() << " - see: retort --help\n";
    return static_cast<int>(ExitCode::kUsage);
  }
  if (parsed.verbose) SetLogLevel(LogLevel::kDebug);
  try {
    return Dispatch(env, app, parsed, arguments, out);
  } catch (const Error& error) {
    const std::string text = error.what();
    if (error.code() == ExitCode::kConfig) {
      err << text << "\n";
      const auto problems = 1 + std::count(text.begin(), text.end(), '\n');
      err << "retort: the experiment file has " << problems
          << (problems == 1 ? " problem" : " problems") << "\n";
    } else {
      err << "retort: " << text << "\n";
    }
    return static_cast<int>(error.code());
  } catch (const std::exception& error) {
    err << "retort: internal error - " << error.what()
        << " - please report it with the command line\n";
    return static_cast<int>(ExitCode::kInternal);
  }
}

}  // namespace retort
