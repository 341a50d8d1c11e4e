#include <ostream>

#include "core/base/commit.h"
#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/base/strings.h"
#include "core/lm/checkpoint/checkpoint.h"
#include "core/lm/checkpoint/model_path.h"
#include "core/lm/checkpoint/shrink.h"
#include "core/trace/dataset.h"
#include "core/trace/trace_store.h"
#include "pipeline/commands.h"
#include "pipeline/export_shapes.h"
#include "pipeline/version.h"

namespace retort {
namespace {

/// Collects lines and writes them at the end: to the stream, or atomically to a file.
class LineSink {
 public:
  void Add(const Json& object) {
    text_ += DumpJson(object);
    text_ += '\n';
    ++lines_;
  }
  void Finish(Env& env, const std::string& output, std::ostream& out) const {
    if (output.empty() || output == "-") {
      out << text_;
    } else {
      WriteFileAtomically(env, output, text_);
      out << output << ": " << lines_ << " lines\n";
    }
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  int64_t lines_ = 0;
};

/// A model as a Hugging Face folder, in 16 bits a value if that loses nothing.
void ExportModel(Env& env, const ExportArguments& arguments, std::ostream& out) {
  const std::string& dir = arguments.output;
  if (dir.empty() || dir == "-") {
    throw Error(ExitCode::kUsage, "export --to hf writes a folder - name it with -o DIR");
  }
  if (env.Exists(dir) && (!env.IsDirectory(dir) || !env.List(dir).empty())) {
    throw Error(ExitCode::kData, StrCat(dir, ": exists already - name a new folder"));
  }
  const std::string trained = JoinPath(arguments.path, "model");  // of a train stage
  const std::string path = env.Exists(JoinPath(trained, "config.json")) ? trained : arguments.path;
  const std::unique_ptr<Tokenizer> tokenizer = LoadModelTokenizer(env, path);
  DecoderWeights weights = LoadModelWeights(env, path);
  NarrowValues(weights);
  const SpecialIds& ids = tokenizer->Specials();
  tokenizer->Save(env, dir);
  SaveCheckpoint(env, dir, weights, ids.bos, ids.eos, ids.pad);
  out << dir << ": " << WithCommas(weights.config.ParameterCount()) << " parameters\n";
}

/// The rows of a shape, and beside a file of them its manifest: counts, hash, source.
int ExportShape(Env& env, const ExportArguments& arguments, std::ostream& out) {
  std::string path = arguments.path;
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  LineSink sink;
  Json manifest = ExportRows(env, path, arguments.shape, [&](const Json& row) { sink.Add(row); });
  if (manifest.at("rows") == 0) {
    throw Error(ExitCode::kData,
                StrCat(path, ": no row of shape ", arguments.shape,
                       " - no kept trace, or for preference no refused chain beside one"));
  }
  sink.Finish(env, arguments.output, out);
  if (arguments.output.empty() || arguments.output == "-") return 0;
  manifest["schema"] = "retort.export.1";
  manifest["retort"] = kRetortVersion;
  manifest["file"] = BaseName(arguments.output);
  manifest["sha256"] = Sha256(sink.text());
  manifest["bytes"] = sink.text().size();
  WriteFileAtomically(env, arguments.output + ".manifest.json", DumpJsonPretty(manifest));
  return 0;
}

}  // namespace

int ExportCommand(Env& env, const ExportArguments& arguments, std::ostream& out) {
  const std::string& path = arguments.path;
  if (!env.Exists(path)) throw Error(ExitCode::kData, StrCat(path, ": not found"));
  if (arguments.to == "hf") {
    if (!arguments.shape.empty()) {
      throw Error(ExitCode::kUsage,
                  "--shape: traces have shapes, a model exported with --to hf has "
                  "none - drop one of the two");
    }
    ExportModel(env, arguments, out);
    return 0;
  }
  if (!arguments.shape.empty()) return ExportShape(env, arguments, out);
  LineSink sink;
  const std::string dataset = env.IsDirectory(path) ? JoinPath(path, "dataset.h5") : path;
  if (env.IsDirectory(path) && !ListShards(env, path).empty()) {
    ForEachTree(env, path, [&](TraceTree&& tree) { sink.Add(TreeToJson(tree)); });
  } else if (BaseName(dataset) == "dataset.h5" && env.Exists(dataset)) {
    for (const Example& example : ReadDataset(env, dataset).examples)
      sink.Add(ExampleToJson(example));
  } else if (path.size() > 3 && path.compare(path.size() - 3, 3, ".h5") == 0) {
    for (const TraceTree& tree : ReadTraceShard(env, path).trees) sink.Add(TreeToJson(tree));
  } else {
    throw Error(ExitCode::kData,
                StrCat(path,
                       ": nothing to export here - give a generate or filter stage folder, a "
                       "shard-*.h5 or a dataset.h5; a model is exported with --to hf"));
  }
  sink.Finish(env, arguments.output, out);
  return 0;
}

}  // namespace retort
