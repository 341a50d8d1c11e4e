#include "pipeline/export_shapes.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "core/base/error.h"
#include "core/base/stage.h"
#include "core/task/task.h"
#include "filter/tree_stream.h"

namespace retort {
namespace {

/// Nodes that were kept, of one generate stage: problem id -> nodes.
using KeptNodes = std::map<std::string, std::set<int32_t>>;

/// A finished chain, by where it stands.
struct Chain {
  std::string source;
  int32_t node = -1;
  std::string text;
};

struct ProblemChains {
  std::string id;
  std::string prompt;
  int32_t horizon = 0;
  std::vector<Chain> kept{};
  std::vector<Chain> refused{};        // distinct texts
  std::vector<std::string> correct{};  // texts of all verified chains, kept or not
};

Json ReadJsonFile(const Env& env, const std::string& path) {
  return ParseJson(env.ReadFile(path), path);
}

std::string RunDir(const std::string& stage_dir) { return ParentPath(ParentPath(stage_dir)); }

/// The folder of the generate stage `name` whose manifest is the one that the filter read.
std::string InputDir(const Env& env, const std::string& stage_dir, const std::string& name,
                     const std::string& sha256) {
  const std::string generate = JoinPath(RunDir(stage_dir), "generate");
  for (const std::string& folder : env.List(generate)) {
    if (folder.rfind(name + "-", 0) != 0) continue;
    std::string dir = JoinPath(generate, folder);
    const std::optional<StageManifest> manifest = ReadStageManifest(env, dir);
    if (manifest && manifest->sha256 == sha256) return dir;
  }
  throw Error(ExitCode::kData, StrCat(stage_dir, ": the traces it read, generate stage ", name,
                                      ", are not in ", generate,
                                      " - export from the run folder "
                                      "that made it, or run it again"));
}

std::vector<FilterInput> InputsOf(const Env& env, const std::string& stage_dir, const Json& facts) {
  std::vector<FilterInput> inputs;
  for (const Json& name : facts.at("config").at("inputs")) {
    const std::string stage = name.get<std::string>();
    const Json& sha256 = facts.at("inputs").at(StrCat("generate.", stage));
    inputs.push_back(
        {.name = stage, .stage_dir = InputDir(env, stage_dir, stage, sha256.get<std::string>())});
  }
  return inputs;
}

std::map<std::string, KeptNodes> ReadKept(const Env& env, const std::string& stage_dir) {
  const std::string path = JoinPath(stage_dir, "fates.jsonl");
  const std::string text = env.ReadFile(path);
  std::map<std::string, KeptNodes> kept;
  int64_t number = 0;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    const Json fate = ParseJson(line, StrCat(path, ":", ++number));
    if (!fate.at("kept").get<bool>()) continue;
    kept[fate.at("source").get<std::string>()][fate.at("problem").get<std::string>()].insert(
        fate.at("node").get<int32_t>());
  }
  return kept;
}

ProblemChains ChainsOf(const std::vector<SourcedTree>& trees,
                       const std::map<std::string, KeptNodes>& kept) {
  const TraceTree& first = trees.front().tree;
  ProblemChains chains{.id = first.problem_id, .prompt = first.question, .horizon = first.horizon};
  std::set<std::string> refused_texts;
  for (const auto& [source, tree] : trees) {
    const auto of_source = kept.find(source);
    for (size_t i = 0; i < tree.nodes.size(); ++i) {
      const Node& node = tree.nodes[i];
      if (!node.terminal || !node.verdict) continue;
      const auto index = static_cast<int32_t>(i);
      Chain chain{.source = source, .node = index, .text = tree.PathText(index)};
      if (node.verdict == Verdict::kCorrect) chains.correct.push_back(chain.text);
      if (of_source != kept.end() && of_source->second.contains(tree.problem_id) &&
          of_source->second.at(tree.problem_id).contains(index)) {
        chains.kept.push_back(std::move(chain));
      } else if (node.verdict == Verdict::kIncorrect && refused_texts.insert(chain.text).second) {
        chains.refused.push_back(std::move(chain));
      }
    }
  }
  return chains;
}

Json Row(const ProblemChains& problem, const Chain& chain) {
  return {{"problem_id", problem.id}, {"source", chain.source}, {"node", chain.node}};
}

std::string_view Trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return "";
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

/// Cuts chains into steps and says which are right.
class StepLabeller {
 public:
  explicit StepLabeller(std::unique_ptr<Task> task) : task_(std::move(task)) {}

  /// Adds completions and labels; nothing to say about a chain without a step.
  bool Label(const ProblemChains& problem, const Chain& chain, Json* row) {
    Json steps = Json::array();
    Json labels = Json::array();
    const std::vector<size_t> ends = task_->GetStepRule().StepEnds(chain.text);
    const size_t right = RightSteps(problem, chain, ends);
    size_t begin = 0;
    for (size_t i = 0; i < ends.size(); ++i) {
      const std::string_view step =
          Trimmed(std::string_view(chain.text).substr(begin, ends[i] - begin));
      begin = ends[i];
      if (step.empty()) continue;
      steps.push_back(std::string(step));
      labels.push_back(i < right);
    }
    (*row)["completions"] = std::move(steps);
    (*row)["labels"] = std::move(labels);
    return !(*row)["labels"].empty();
  }

  const char* who() const { return by_checker_.value_or(false) ? "checker" : "reached"; }

 private:
  size_t RightSteps(const ProblemChains& problem, const Chain& chain,
                    const std::vector<size_t>& ends) {
    if (!by_checker_ && !problem.correct.empty()) {
      const std::string& text = problem.correct.front();
      const size_t all = task_->GetStepRule().StepEnds(text).size();
      by_checker_ = all > 0 && CheckedSteps(problem, text) == all;
    }
    if (by_checker_.value_or(false)) return CheckedSteps(problem, chain.text);
    size_t right = 0;
    for (const size_t end : ends) {
      const auto same_beginning = [&](const std::string& correct) {
        return correct.compare(0, end, chain.text, 0, end) == 0;
      };
      if (std::none_of(problem.correct.begin(), problem.correct.end(), same_beginning)) break;
      ++right;
    }
    return right;
  }

  size_t CheckedSteps(const ProblemChains& problem, const std::string& text) const {
    const Question question{.id = problem.id, .prompt = problem.prompt, .horizon = problem.horizon};
    return static_cast<size_t>(std::max(0, task_->GetVerifier().StepsBeforeError(question, text)));
  }

  std::unique_ptr<Task> task_;
  std::optional<bool> by_checker_;
};

/// The configuration of the run that made the stage.
std::unique_ptr<ConfigDocument> RunConfig(const Env& env, const std::string& stage_dir) {
  const std::string path = JoinPath(RunDir(stage_dir), "config.yaml");
  return ConfigDocument::Parse(env.ReadFile(path), path, {});
}

/// What stands between a prompt and its completion: words of a task's own vocabulary are told apart
/// by spaces, texts of other tokenizers go on as they are.
std::string SeparatorOf(ConfigDocument& config) {
  std::string tokenizer;
  config.Root().String("tokenizer", &tokenizer);
  return tokenizer.empty() ? " " : "";
}

std::unique_ptr<Task> TaskOf(ConfigDocument& config, const std::string& stage_dir,
                             const Json& facts) {
  std::unique_ptr<Task> task = MakeTask(config.Root().Section("task"));
  if (task == nullptr || task->Identity() != facts.at("task").get<std::string>()) {
    throw Error(ExitCode::kData,
                StrCat(RunDir(stage_dir), ": the task of its config.yaml is not the one that ",
                       stage_dir, " was made with - export a stage of the run as it is now"));
  }
  return task;
}

class Exporter {
 public:
  Exporter(std::string shape, std::string separator, std::unique_ptr<Task> task,
           const std::function<void(const Json&)>& add)
      : shape_(std::move(shape)), separator_(std::move(separator)), add_(add) {
    if (task != nullptr) labeller_.emplace(std::move(task));
  }

  void Add(const ProblemChains& problem) {
    const int64_t before = rows_;
    if (shape_ == "preference") {
      AddPairs(problem);
    } else {
      for (const Chain& chain : problem.kept) AddChain(problem, chain);
    }
    if (shape_ == "stepwise") {
      const size_t refused = std::min(problem.kept.size(), problem.refused.size());
      for (size_t i = 0; i < refused; ++i) AddChain(problem, problem.refused[i]);
    }
    problems_ += rows_ > before ? 1 : 0;
  }

  Json Facts() const {
    Json facts = {{"shape", shape_}, {"rows", rows_}, {"problems", problems_}};
    if (labeller_) facts["labels"] = labeller_->who();
    return facts;
  }

 private:
  void Emit(const Json& row) {
    add_(row);
    ++rows_;
  }

  void AddPairs(const ProblemChains& problem) {
    for (size_t i = 0; i < std::min(problem.kept.size(), problem.refused.size()); ++i) {
      Json row = Row(problem, problem.kept[i]);
      row["prompt"] = problem.prompt + separator_;
      row["chosen"] = problem.kept[i].text;
      row["rejected"] = problem.refused[i].text;
      Emit(row);
    }
  }

  void AddChain(const ProblemChains& problem, const Chain& chain) {
    Json row = Row(problem, chain);
    if (shape_ == "messages") {
      row["messages"] = {{{"role", "user"}, {"content", problem.prompt}},
                         {{"role", "assistant"}, {"content", chain.text}}};
    } else {
      row["prompt"] = problem.prompt + separator_;
      if (shape_ == "prompt_completion") row["completion"] = chain.text;
      if (labeller_ && !labeller_->Label(problem, chain, &row)) return;
    }
    Emit(row);
  }

  std::string shape_;
  std::string separator_;
  const std::function<void(const Json&)>& add_;
  std::optional<StepLabeller> labeller_;
  int64_t rows_ = 0;
  int64_t problems_ = 0;
};

}  // namespace

std::vector<std::string> ExportShapes() {
  return {"messages", "prompt_completion", "preference", "stepwise"};
}

Json ExportRows(const Env& env, const std::string& stage_dir, const std::string& shape,
                const std::function<void(const Json&)>& add) {
  const std::optional<StageManifest> manifest = ReadStageManifest(env, stage_dir);
  const std::string key_path = JoinPath(stage_dir, "key.json");
  if (!manifest || !env.Exists(key_path) || !env.Exists(JoinPath(stage_dir, "fates.jsonl"))) {
    throw Error(ExitCode::kData,
                StrCat(stage_dir, ": not a finished filter stage, so it has no shape ", shape,
                       " - name the folder runs/NAME/filter/STAGE-KEY"));
  }
  const Json facts = ReadJsonFile(env, key_path).at("facts");
  const std::vector<FilterInput> inputs = InputsOf(env, stage_dir, facts);
  const std::map<std::string, KeptNodes> kept = ReadKept(env, stage_dir);
  const std::unique_ptr<ConfigDocument> config = RunConfig(env, stage_dir);
  Exporter exporter(shape, SeparatorOf(*config),
                    shape == "stepwise" ? TaskOf(*config, stage_dir, facts) : nullptr, add);
  ProblemStream stream(env, inputs, facts.at("tokenizer").get<std::string>());
  for (auto trees = stream.Next(); !trees.empty(); trees = stream.Next()) {
    exporter.Add(ChainsOf(trees, kept));
  }
  Json result = exporter.Facts();
  result["source"] = {{"stage", BaseName(stage_dir)},
                      {"key", manifest->key},
                      {"manifest_sha256", manifest->sha256},
                      {"inputs", facts.at("inputs")},
                      {"task", facts.at("task")},
                      {"verifier", facts.at("verifier")}};
  return result;
}

}  // namespace retort
