// The actions of the `retort` command line. Each returns the exit code or throws Error; results
// go to `out`, messages to the log. Whatever changes a result is a config key, not a flag.
#pragma once

#include <iosfwd>
#include <set>
#include <string>
#include <vector>

#include "core/base/env.h"
#include "pipeline/experiment.h"

namespace retort {

/// What run, generate, filter, train, eval, status and config share.
struct ExperimentArguments {
  std::string config;
  std::vector<std::string> overrides;
  std::string runs_dir = "runs";
  std::vector<std::string> command_line;
};

struct RunArguments {
  ExperimentArguments experiment;
  std::set<StageKind> kinds;
  bool dry_run = false;
  std::string explain;  // problem id, or id#node: print fates instead of running
};
int RunCommand(Env& env, const RunArguments& arguments, std::ostream& out);

struct StatusArguments {
  ExperimentArguments experiment;
  bool why = false;
};
int StatusCommand(Env& env, const StatusArguments& arguments, std::ostream& out);

struct InspectArguments {
  std::string path;
  std::string problem;  // of a trace shard or generate folder
  int64_t limit = 3;    // trees, examples or records shown
  bool prompt = false;  // of an experiment file: its first prompt alone
};
/// Says what any Retort file is, and shows it: a search tree is drawn in the terminal.
int InspectCommand(Env& env, const InspectArguments& arguments, std::ostream& out);

struct ExportArguments {
  std::string path;          // generate or filter stage folder, trace shard, data set, or a model
  std::string to = "jsonl";  // or hf: a Hugging Face folder, of a model
  std::string shape;         // of a filter stage's kept traces (export_shapes.h); "": as stored
  std::string output;        // file or new folder to write; "" or "-": standard output
};
int ExportCommand(Env& env, const ExportArguments& arguments, std::ostream& out);

/// Prints the resolved file, or the differences to another one.
int ConfigCommand(Env& env, const ExperimentArguments& arguments, const std::string& diff,
                  std::ostream& out);

struct DoctorArguments {
  ExperimentArguments experiment;
  std::string verifier;  // answer verifier to audit; "" for none
  std::string pairs;     // its labelled pairs; "" for tests/data/verifiers/NAME.jsonl
};
/// Checks the machine and, with a config, its run folder; or audits an answer verifier (with its
/// default keys, or a config's task.verifier): prints its false positives and negatives, and fails
/// if there is one.
int DoctorCommand(Env& env, const DoctorArguments& arguments, std::ostream& out);

/// The resolved plan: stages, counts, estimates, the first rendered prompt with its token ids.
void PrintPlan(Env& env, Experiment& experiment, const ExperimentArguments& arguments,
               std::ostream& out);

}  // namespace retort
