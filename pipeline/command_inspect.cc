#include <algorithm>
#include <ostream>

#include "core/base/commit.h"
#include "core/base/error.h"
#include "core/base/journal.h"
#include "core/base/stage.h"
#include "core/base/strings.h"
#include "core/lm/checkpoint/checkpoint.h"
#include "core/lm/checkpoint/model_path.h"
#include "core/lm/tokenizer/chat_format.h"
#include "core/trace/dataset.h"
#include "core/trace/trace_codec.h"
#include "core/trace/trace_store.h"
#include "pipeline/commands.h"
#include "pipeline/prompt_view.h"
#include "pipeline/tree_view.h"

namespace retort {
namespace {

bool EndsWith(const std::string& text, std::string_view suffix) {
  return text.size() >= suffix.size() &&
         text.compare(text.size() - suffix.size(), suffix.size(), suffix) == 0;
}

/// Draws the wanted problem, or the first few trees.
class TreePrinter {
 public:
  TreePrinter(const InspectArguments& arguments, std::ostream& out)
      : arguments_(arguments), out_(out) {}
  void Visit(const TraceTree& tree) {
    ++trees_;
    solved_ += tree.CountVerdict(Verdict::kCorrect) > 0 ? 1 : 0;
    const bool wanted = arguments_.problem.empty() ? shown_ < arguments_.limit
                                                   : tree.problem_id == arguments_.problem;
    if (!wanted) return;
    ++shown_;
    out_ << DrawTree(tree, nullptr, {}) << "\n";
  }
  void Finish() const {
    if (!arguments_.problem.empty() && shown_ == 0) {
      throw Error(ExitCode::kData, StrCat(arguments_.path, ": no problem ", arguments_.problem,
                                          " among its ", trees_, " trees"));
    }
    out_ << trees_ << " trees, " << solved_ << " with a correct trace\n";
  }

 private:
  const InspectArguments& arguments_;
  std::ostream& out_;
  int64_t trees_ = 0, solved_ = 0, shown_ = 0;
};

void InspectShard(const Env& env, const InspectArguments& arguments, std::ostream& out) {
  const TraceShard shard = ReadTraceShard(env, arguments.path);
  out << arguments.path << ": trace shard of stage " << shard.provenance.stage_key.substr(0, 8)
      << ", teacher " << shard.provenance.teacher_sha256.substr(0, 8) << ", verifier "
      << shard.provenance.verifier << "\n\n";
  TreePrinter printer(arguments, out);
  for (const TraceTree& tree : shard.trees) printer.Visit(tree);
  printer.Finish();
}

void InspectDataset(const Env& env, const InspectArguments& arguments, std::ostream& out) {
  const Dataset dataset = ReadDataset(env, arguments.path);
  int64_t tokens = 0;
  std::map<std::string, int64_t> sources;
  for (const Example& example : dataset.examples) {
    tokens += static_cast<int64_t>(example.prompt_ids.size() + example.completion_ids.size());
    ++sources[example.source];
  }
  out << arguments.path << ": data set, view " << dataset.view << ", " << dataset.examples.size()
      << " examples, " << tokens << " tokens\n";
  for (const auto& [source, count] : sources) out << "  " << source << ": " << count << "\n";
  for (int64_t i = 0;
       i < std::min<int64_t>(arguments.limit, static_cast<int64_t>(dataset.examples.size())); ++i) {
    out << DumpJson(ExampleToJson(dataset.examples[static_cast<size_t>(i)])) << "\n";
  }
}

void InspectJournal(Env& env, const InspectArguments& arguments, std::ostream& out) {
  // Reads a copy of the frames: opening a journal for append would cut a damaged tail.
  const JournalReplay replay = ReadJournal(env, arguments.path);
  out << arguments.path << ": journal, " << replay.records.size() << " whole records, "
      << replay.dropped_bytes << " bytes after the last whole one\n";
  TreePrinter printer(arguments, out);
  for (size_t i = 0; i < replay.records.size(); ++i) {
    printer.Visit(DecodeTree(replay.records[i], StrCat(arguments.path, " record ", i)));
  }
  printer.Finish();
}

void InspectModel(const Env& env, const InspectArguments& arguments, std::ostream& out) {
  const std::string& path = arguments.path;
  const ModelConfig c = LoadModelWeights(env, path).config;
  out << path << ": " << (IsGgufPath(path) ? "GGUF model, " : "checkpoint, ")
      << WithCommas(c.ParameterCount()) << " parameters, " << c.num_hidden_layers
      << " layers, hidden " << c.hidden_size << ", " << c.num_attention_heads << "/"
      << c.num_key_value_heads << " heads of " << c.head_dim << ", vocabulary " << c.vocab_size
      << "\n  sha256 " << ModelSha256(env, path) << "\n";
  const std::unique_ptr<Tokenizer> tokenizer = LoadModelTokenizer(env, path);
  const SpecialIds& ids = tokenizer->Specials();
  out << "  tokenizer: " << tokenizer->VocabSize() << " pieces, bos " << ids.bos
      << (ids.adds_bos ? " (before every prompt)" : "") << ", eos " << ids.eos << "\n";
  const std::string chat_template = tokenizer->ChatTemplate();
  if (chat_template.empty()) return;
  const std::optional<Chat> chat = RecognizeChat(chat_template);
  out << "  chat template: " << (chat ? chat->format : "none Retort knows");
  if (chat && !chat->system.empty()) out << ", system text " << DumpJson(Json(chat->system));
  out << "\n";
}

void InspectFolder(Env& env, const InspectArguments& arguments, std::ostream& out) {
  const std::string& path = arguments.path;
  if (env.Exists(JoinPath(path, "config.json"))) return InspectModel(env, arguments, out);
  const std::optional<StageManifest> manifest = ReadStageManifest(env, path);
  if (manifest) {
    out << path << ": finished stage, key " << manifest->key.substr(0, 8) << "\n"
        << DumpJsonPretty(manifest->content);
  } else if (env.Exists(JoinPath(path, "key.json"))) {
    out << path << ": unfinished stage - run the same command again to go on\n";
  } else if (env.Exists(JoinPath(path, "manifest.json"))) {
    out << path << ": run folder\n" << env.ReadFile(JoinPath(path, "manifest.json"));
    return;
  } else {
    throw Error(ExitCode::kData,
                StrCat(path, ": not a Retort folder - expected a run, a stage or a checkpoint"));
  }
  if (!ListShards(env, path).empty()) {
    TreePrinter printer(arguments, out);
    ForEachTree(env, path, [&](TraceTree&& tree) { printer.Visit(tree); });
    printer.Finish();
  }
}

/// JSON lines: fates of traces, items of an evaluation, problems.
void InspectJsonLines(const Env& env, const InspectArguments& arguments, std::ostream& out) {
  std::vector<std::string> lines = Split(env.ReadFile(arguments.path), '\n');
  std::erase(lines, "");
  out << arguments.path << ": " << lines.size() << " JSON lines\n";
  lines.resize(std::min(lines.size(), static_cast<size_t>(std::max(arguments.limit, int64_t{0}))));
  for (const std::string& line : lines) out << line << "\n";
}

void InspectJsonFile(const Env& env, const InspectArguments& arguments, std::ostream& out) {
  const Json value = ParseJson(env.ReadFile(arguments.path), arguments.path);
  if (value.contains("schema_version") && value.contains("arms")) {
    out << RenderTerminal(value);
  } else {
    out << arguments.path << ": JSON\n" << DumpJsonPretty(value);
  }
}

}  // namespace

int InspectCommand(Env& env, const InspectArguments& arguments, std::ostream& out) {
  const std::string& path = arguments.path;
  if (!env.Exists(path)) throw Error(ExitCode::kData, StrCat(path, ": not found"));
  if (env.IsDirectory(path)) {
    InspectFolder(env, arguments, out);
  } else if (BaseName(path) == "dataset.h5") {
    InspectDataset(env, arguments, out);
  } else if (EndsWith(path, ".h5")) {
    InspectShard(env, arguments, out);
  } else if (EndsWith(path, ".jrn")) {
    InspectJournal(env, arguments, out);
  } else if (EndsWith(path, ".jsonl")) {
    InspectJsonLines(env, arguments, out);
  } else if (EndsWith(path, ".json")) {
    InspectJsonFile(env, arguments, out);
  } else if (EndsWith(path, ".yaml")) {
    Experiment experiment = LoadExperiment(env, path, {});
    if (arguments.prompt) {
      Runner runner(env, experiment, {.runs_dir = "runs", .command_line = {}});
      PrintPrompt(runner, experiment, out);
      return 0;
    }
    PrintPlan(env, experiment, {.config = path, .overrides = {}, .command_line = {}}, out);
  } else if (IsGgufPath(path)) {
    InspectModel(env, arguments, out);
  } else if (EndsWith(path, ".safetensors")) {
    for (const auto& [name, tensor] : ReadSafetensors(env, path)) {
      out << name << " " << tensor.dtype().name() << " [";
      for (int64_t i = 0; i < tensor.dim(); ++i) out << (i == 0 ? "" : ", ") << tensor.size(i);
      out << "]\n";
    }
  } else {
    throw Error(ExitCode::kData, StrCat(path,
                                        ": not a file of Retort's - expected .h5, .jrn, .json, "
                                        ".jsonl, .yaml, .safetensors, .gguf or a folder"));
  }
  return 0;
}

}  // namespace retort
