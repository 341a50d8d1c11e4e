#include "core/trace/dataset.h"

#include "core/base/error.h"
#include "core/trace/artifact_file.h"
#include "core/trace/ragged_column.h"

namespace retort {
namespace {

constexpr std::string_view kFormat = "retort-dataset";
constexpr int64_t kFormatVersion = 1;

FileLabel DatasetLabel(const std::string& path) {
  return {.path = path, .remedy = "remove it and its .json, then run \"retort filter\" again"};
}

struct ExampleColumns {
  RaggedColumn<char> problem_id, source;
  RaggedColumn<int32_t> prompt_ids, completion_ids;
  std::vector<int32_t> node;
  std::vector<float> weight;
};

template <typename Columns, typename Visitor>
void VisitRagged(Columns& columns, Visitor visit) {
  visit("example/problem_id", columns.problem_id);
  visit("example/source", columns.source);
  visit("example/prompt_ids", columns.prompt_ids);
  visit("example/completion_ids", columns.completion_ids);
}

ExampleColumns ReadColumns(const Hdf5Reader& in) {
  ExampleColumns columns;
  columns.node = in.Array<int32_t>("example/node");
  columns.weight = in.Array<float>("example/weight");
  if (columns.weight.size() != columns.node.size()) {
    in.label().ThrowDamaged("example/weight has another length than example/node");
  }
  VisitRagged(columns,
              [&](const char* name, auto& column) { column.Read(name, columns.node.size(), in); });
  return columns;
}

void CheckKind(const Hdf5Reader& in) {
  const std::string format = in.TextAttribute("format");
  const int64_t version = in.IntAttribute("format_version");
  if (format != kFormat || version != kFormatVersion) {
    in.label().ThrowDamaged(StrCat("it is ", format, " version ", version, ", not ", kFormat,
                                   " version ", kFormatVersion));
  }
}

Json DatasetContent(const Dataset& dataset) {
  int64_t completion_tokens = 0;
  int64_t prompt_tokens = 0;
  for (const Example& example : dataset.examples) {
    prompt_tokens += static_cast<int64_t>(example.prompt_ids.size());
    completion_tokens += static_cast<int64_t>(example.completion_ids.size());
  }
  return {{"records", dataset.examples.size()},
          {"view", dataset.view},
          {"tokenizer_sha256", dataset.tokenizer_sha256},
          {"prompt_tokens", prompt_tokens},
          {"completion_tokens", completion_tokens}};
}

}  // namespace

std::string SerializeDataset(const Dataset& dataset, const std::string& path) {
  ExampleColumns columns;
  for (const Example& example : dataset.examples) {
    columns.problem_id.Append(example.problem_id);
    columns.source.Append(example.source);
    columns.prompt_ids.Append(example.prompt_ids);
    columns.completion_ids.Append(example.completion_ids);
    columns.node.push_back(example.node);
    columns.weight.push_back(example.weight);
  }
  Hdf5Writer out(path);
  out.Attribute("format", kFormat);
  out.Attribute("format_version", kFormatVersion);
  out.Attribute("view", dataset.view);
  out.Attribute("tokenizer_sha256", dataset.tokenizer_sha256);
  out.Array<int32_t>("example/node", columns.node);
  out.Array<float>("example/weight", columns.weight);
  VisitRagged(columns, [&](const char* name, const auto& column) { column.Write(name, &out); });
  return out.Finish();
}

Dataset ParseDataset(std::string_view bytes, const std::string& path) {
  const FileLabel label = DatasetLabel(path);
  const Hdf5Reader in(bytes, label);
  CheckKind(in);
  Dataset dataset{.view = in.TextAttribute("view"),
                  .tokenizer_sha256 = in.TextAttribute("tokenizer_sha256"),
                  .examples = {}};
  const ExampleColumns columns = ReadColumns(in);
  dataset.examples.resize(columns.node.size());
  for (size_t row = 0; row < dataset.examples.size(); ++row) {
    Example& example = dataset.examples[row];
    example.problem_id = TextRow(columns.problem_id, row);
    example.source = TextRow(columns.source, row);
    example.prompt_ids = IdsRow(columns.prompt_ids, row);
    example.completion_ids = IdsRow(columns.completion_ids, row);
    example.node = columns.node[row];
    example.weight = columns.weight[row];
  }
  return dataset;
}

void WriteDataset(Env& env, const std::string& path, const Dataset& dataset, const Json& run) {
  const std::string bytes = SerializeDataset(dataset, path);
  RETORT_CHECK(ParseDataset(bytes, path).examples.size() == dataset.examples.size(), path,
               " does not read back");
  CommitBytes(env, path, bytes, DatasetContent(dataset), run);
}

Dataset ReadDataset(const Env& env, const std::string& path) {
  return ParseDataset(ReadCommittedBytes(env, DatasetLabel(path)), path);
}

}  // namespace retort
