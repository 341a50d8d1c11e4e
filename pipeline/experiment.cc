#include "pipeline/experiment.h"

#include <algorithm>
#include <functional>
#include <set>
#include <thread>

#include "core/base/bounded_file.h"
#include "core/base/error.h"
#include "core/base/strings.h"
#include "core/lm/checkpoint/model_path.h"
#include "core/lm/tokenizer/chat_format.h"

namespace retort {
namespace {

bool IsPlainName(const std::string& name) {
  return !name.empty() && name.front() != '.' &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                  c == '.' || c == '_' || c == '-';
         });
}

template <typename Config>
std::vector<std::string> KeysOf(const std::map<std::string, Config>& configs) {
  std::vector<std::string> keys;
  keys.reserve(configs.size());
  for (const auto& [key, unused] : configs) keys.push_back(key);
  return keys;
}

std::string Unknown(const std::string& what, const std::string& name,
                    const std::vector<std::string>& known) {
  const std::string nearest = NearestName(name, known);
  std::string text = StrCat("no ", what, " is named \"", name, "\"");
  if (!nearest.empty()) return StrCat(text, " - did you mean \"", nearest, "\"?");
  return known.empty() ? text : StrCat(text, " - there is: ", Join(known, ", "));
}

/// A reference to a model is the name of a train section or the path of a folder or GGUF file.
bool LooksLikePath(const std::string& reference) {
  return reference.find('/') != std::string::npos || reference.front() == '.' ||
         IsGgufPath(reference);
}

/// The sections of one experiment, kept beside their configs so that errors have lines.
struct Sections {
  std::vector<std::pair<std::string, ConfigSection>> generate, filter, train, eval;
};

class Builder {
 public:
  Builder(ConfigSection root, Experiment& experiment) : root_(std::move(root)), e_(experiment) {}

  void Read() {
    ReadGlobals();
    sections_.generate = root_.Named("generate");
    sections_.filter = root_.Named("filter");
    sections_.train = root_.Named("train");
    sections_.eval = root_.Named("eval");
    for (auto& [name, s] : sections_.generate) {
      CheckName(s, name);
      e_.generate.emplace(name, GenerateConfig::FromConfig(s));
    }
    for (auto& [name, s] : sections_.filter) {
      CheckName(s, name);
      e_.filter.emplace(name, FilterConfig::FromConfig(s));
    }
    for (auto& [name, s] : sections_.train) {
      CheckName(s, name);
      e_.train.emplace(name, TrainConfig::FromConfig(s));
    }
    for (auto& [name, s] : sections_.eval) {
      CheckName(s, name);
      e_.eval.emplace(name, EvalConfig::FromConfig(s));
    }
    CheckReferences();
  }

  /// Expands seeds and orders the nodes; a cycle is reported at the stage that closes it.
  /// Evaluations come as early as they can, in file order, so that a long file shows verdicts on
  /// the way.
  void BuildNodes() {
    for (auto& [name, s] : sections_.eval) Visit(StageKind::kEval, name, s);
    for (auto& [name, s] : sections_.generate) Visit(StageKind::kGenerate, name, s);
    for (auto& [name, s] : sections_.filter) Visit(StageKind::kFilter, name, s);
    for (auto& [name, s] : sections_.train) Visit(StageKind::kTrain, name, s);
  }

 private:
  void ReadGlobals() {
    root_.String("name", &e_.name);
    if (!IsPlainName(e_.name)) {
      root_.Fail("name", "expected letters, digits, '.', '_' or '-' (it names the run folder)");
    }
    int64_t seed = 1;
    root_.Int("seed", &seed, {.min = 0});
    e_.seed = static_cast<uint64_t>(seed);
    int threads = 0;
    root_.Int("threads", &threads, {.min = 0, .max = 1024});
    e_.threads =
        threads > 0 ? threads : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
    root_.String("tokenizer", &e_.tokenizer_path);
    std::vector<std::string> chats = {"none", "auto"};
    for (const std::string& format : ChatFormatNames()) chats.push_back(format);
    root_.Choice("chat", &e_.chat, chats);
    root_.String("system_prompt", &e_.system_prompt);
    if (e_.chat == "none" && !e_.system_prompt.empty()) {
      root_.Fail("system_prompt", "a system text belongs to a chat - set chat: auto or a format");
    }
    e_.task = MakeTask(root_.Section("task"));
    e_.splits = SplitsFromConfig(root_);
  }

  static void CheckName(ConfigSection& section, const std::string& name) {
    if (!IsPlainName(name)) section.Fail("", StrCat("\"", name, "\" is not a plain name"));
  }

  void CheckSplit(ConfigSection& section, const char* key, const std::string& split) {
    if (e_.FindSplit(split) != nullptr) return;
    std::vector<std::string> known;
    for (const ProblemSplit& s : e_.splits) known.push_back(s.name);
    section.Fail(key, Unknown("split under problems", split, known));
  }

  void CheckModel(ConfigSection& section, const char* key, const std::string& reference) {
    if (reference.empty() || LooksLikePath(reference) || e_.train.count(reference) != 0) return;
    section.Fail(key, Unknown("train stage", reference, KeysOf(e_.train)) +
                          "; a folder is written with a slash (./model), a file ends in .gguf");
  }

  void CheckReferences() {
    for (auto& [name, s] : sections_.generate) {
      const GenerateConfig& config = e_.generate.at(name);
      CheckSplit(s, "problems", config.problems);
      CheckModel(s, "model", config.model);
      if (config.strategy && config.strategy->NeedsEngine() && config.model.empty() &&
          !config.server) {
        s.Fail("model", StrCat("strategy ", config.strategy->Name(), " needs a model"));
      }
      CheckStrategy(s, "strategy", config.strategy.get());
      if (!config.unsolved_of.empty() && e_.generate.count(config.unsolved_of) == 0) {
        s.Fail("unsolved_of", Unknown("generate stage", config.unsolved_of, KeysOf(e_.generate)));
      }
    }
    for (auto& [name, s] : sections_.filter) CheckFilter(s, e_.filter.at(name));
    for (auto& [name, s] : sections_.train) CheckTrain(s, e_.train.at(name));
    for (auto& [name, s] : sections_.eval) CheckEval(s, e_.eval.at(name));
  }

  void CheckStrategy(ConfigSection& section, const std::string& key,
                     const SearchStrategy* strategy) {
    if (strategy == nullptr || e_.task == nullptr || e_.task->GetVerifier().CanCheck()) return;
    const std::string needs = strategy->KeyThatNeedsCheck();
    if (needs.empty()) return;
    section.Fail(key, StrCat(needs, ": answers of task ", e_.task->Name(),
                             " cannot be checked without the gold answer, which a search never "
                             "sees - set select: vote or log_prob, and no stop_after_correct"));
  }

  void CheckFilter(ConfigSection& section, const FilterConfig& config) {
    for (const std::string& input : config.inputs) {
      if (e_.generate.count(input) == 0) {
        section.Fail("inputs", Unknown("generate stage", input, KeysOf(e_.generate)));
      }
    }
    if (!config.gold_split.empty()) {
      CheckSplit(section, "gold_split", config.gold_split);
      const ProblemSplit* split = e_.FindSplit(config.gold_split);
      if (split != nullptr && split->config.traces == 0) {
        section.Fail("gold_split", StrCat("problems.", split->name,
                                          ".traces is 0, so it gives no gold traces - set it"));
      }
    }
    if (config.inputs.empty() && config.gold_split.empty()) {
      section.Fail("inputs", "neither inputs nor a gold_split: the data set would be empty");
    }
  }

  void CheckTrain(ConfigSection& section, const TrainConfig& config) {
    if (e_.filter.count(config.data) == 0) {
      section.Fail("data", Unknown("filter stage", config.data, KeysOf(e_.filter)));
    }
    if (config.eval_problems > 0) CheckSplit(section, "dev_split", config.dev_split);
    CheckModel(section, "init_from", config.init_from);
  }

  void CheckEval(ConfigSection& section, const EvalConfig& config) {
    CheckSplit(section, "problems", config.problems);
    for (const ArmConfig& arm : config.arms) {
      CheckModel(section, "arms", arm.model);
      CheckStrategy(section, "arms", arm.strategy.get());
    }
    for (const std::string& stage : config.verdict.plateau_of) {
      if (e_.train.count(stage) == 0) {
        section.Fail("verdict", Unknown("train stage", stage, KeysOf(e_.train)));
      }
    }
  }

  std::vector<std::pair<StageKind, std::string>> Dependencies(StageKind kind,
                                                              const std::string& name) const {
    std::vector<std::pair<StageKind, std::string>> result;
    const auto add_model = [&](const std::string& reference) {
      if (e_.train.count(reference) != 0) result.emplace_back(StageKind::kTrain, reference);
    };
    switch (kind) {
      case StageKind::kGenerate: {
        const GenerateConfig& config = e_.generate.at(name);
        add_model(config.model);
        if (!config.unsolved_of.empty())
          result.emplace_back(StageKind::kGenerate, config.unsolved_of);
        break;
      }
      case StageKind::kFilter:
        for (const std::string& input : e_.filter.at(name).inputs) {
          result.emplace_back(StageKind::kGenerate, input);
        }
        break;
      case StageKind::kTrain:
        result.emplace_back(StageKind::kFilter, e_.train.at(name).data);
        add_model(e_.train.at(name).init_from);
        break;
      case StageKind::kEval:
        for (const ArmConfig& arm : e_.eval.at(name).arms) add_model(arm.model);
        for (const std::string& stage : e_.eval.at(name).verdict.plateau_of) add_model(stage);
        break;
    }
    return result;
  }

  std::vector<size_t> Visit(StageKind kind, const std::string& name, ConfigSection& reporter) {
    const std::pair<StageKind, std::string> id(kind, name);
    if (const auto done = built_.find(id); done != built_.end()) return done->second;
    if (!Exists(id)) return {};
    if (!open_.insert(id).second) {
      reporter.Fail("", StrCat("stages feed each other in a circle through ", StageKindName(kind),
                               ".", name));
      return {};
    }
    std::vector<size_t> inputs;
    for (const auto& [input_kind, input] : Dependencies(kind, name)) {
      for (const size_t node : Visit(input_kind, input, reporter)) inputs.push_back(node);
    }
    std::sort(inputs.begin(), inputs.end());
    inputs.erase(std::unique(inputs.begin(), inputs.end()), inputs.end());
    open_.erase(id);
    return built_[id] = AddNodes(kind, name, inputs);
  }

  bool Exists(const std::pair<StageKind, std::string>& id) const {
    switch (id.first) {
      case StageKind::kGenerate:
        return e_.generate.count(id.second) != 0;
      case StageKind::kFilter:
        return e_.filter.count(id.second) != 0;
      case StageKind::kTrain:
        return e_.train.count(id.second) != 0;
      case StageKind::kEval:
        return e_.eval.count(id.second) != 0;
    }
    return false;
  }

  std::vector<size_t> AddNodes(StageKind kind, const std::string& name,
                               const std::vector<size_t>& inputs) {
    std::vector<uint64_t> seeds = {e_.seed};
    if (kind == StageKind::kTrain && !e_.train.at(name).seeds.empty()) {
      seeds.clear();
      for (const int64_t seed : e_.train.at(name).seeds)
        seeds.push_back(static_cast<uint64_t>(seed));
    }
    std::vector<size_t> added;
    for (const uint64_t seed : seeds) {
      added.push_back(e_.nodes.size());
      e_.nodes.push_back({.kind = kind,
                          .section = name,
                          .name = seeds.size() == 1 ? name : StrCat(name, ".s", seed),
                          .seed = seed,
                          .inputs = inputs});
    }
    return added;
  }

  ConfigSection root_;
  Experiment& e_;
  Sections sections_;
  std::map<std::pair<StageKind, std::string>, std::vector<size_t>> built_;
  std::set<std::pair<StageKind, std::string>> open_;
};

}  // namespace

const char* StageKindName(StageKind kind) {
  switch (kind) {
    case StageKind::kGenerate:
      return "generate";
    case StageKind::kFilter:
      return "filter";
    case StageKind::kTrain:
      return "train";
    case StageKind::kEval:
      return "eval";
  }
  return "?";
}

const ProblemSplit* Experiment::FindSplit(const std::string& split) const {
  for (const ProblemSplit& s : splits) {
    if (s.name == split) return &s;
  }
  return nullptr;
}

std::vector<size_t> Experiment::TrainNodes(const std::string& reference) const {
  std::vector<size_t> result;
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i].kind == StageKind::kTrain && nodes[i].section == reference) result.push_back(i);
  }
  return result;
}

size_t Experiment::FindNode(StageKind kind, const std::string& section) const {
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i].kind == kind && nodes[i].section == section) return i;
  }
  throw Error(ExitCode::kInternal, StrCat("no stage ", StageKindName(kind), ".", section));
}

std::vector<std::string> Experiment::ModelPaths() const {
  std::vector<std::string> paths;
  const auto note = [&](const std::string& reference) {
    if (reference.empty() || train.count(reference) != 0) return;
    if (std::find(paths.begin(), paths.end(), reference) == paths.end()) {
      paths.push_back(reference);
    }
  };
  for (const auto& [unused, config] : generate) note(config.model);
  for (const auto& [unused, config] : train) note(config.init_from);
  for (const auto& [unused, config] : eval) {
    for (const ArmConfig& arm : config.arms) note(arm.model);
  }
  return paths;
}

Experiment ParseExperiment(const std::string& text, const std::string& filename,
                           const std::vector<std::string>& overrides) {
  const std::unique_ptr<ConfigDocument> document = ConfigDocument::Parse(text, filename, overrides);
  Experiment experiment;
  Builder builder(document->Root(), experiment);
  builder.Read();
  builder.BuildNodes();
  document->Finish();
  experiment.resolved = document->ResolvedJson();
  experiment.resolved_yaml = document->ResolvedYaml();
  return experiment;
}

Experiment LoadExperiment(const Env& env, const std::string& path,
                          const std::vector<std::string>& overrides) {
  if (!env.Exists(path) || env.IsDirectory(path)) {
    throw Error(ExitCode::kConfig,
                StrCat(path,
                       ": no such experiment file - give the path of a YAML file, for "
                       "example configs/ring_sort/quickstart.yaml"));
  }
  constexpr uint64_t kMaxBytes = uint64_t{1} << 21;  // the parser's limit says it better
  return ParseExperiment(ReadFileUpTo(env, path, kMaxBytes), path, overrides);
}

}  // namespace retort
