// The trees of finished generate stages, problem by problem in id order, one shard a stage in
// memory. Reads only what the stage's MANIFEST.json names. Single-threaded.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/env.h"
#include "core/base/json.h"
#include "core/trace/trace_store.h"
#include "filter/candidates.h"
#include "filter/filter_stage.h"

namespace retort {

/// One stage. Error(kData) naming it when it has not finished, or when a shard is damaged, is not
/// the one the manifest names, was made with another tokenizer or is out of problem order.
class TreeStream {
 public:
  TreeStream(const Env& env, FilterInput input, std::string tokenizer_sha256);

  /// Id of the next tree; nullptr at the end.
  const std::string* NextId();
  SourcedTree Take();
  /// Trees in all.
  int64_t problems() const { return problems_; }

 private:
  void LoadShard(const Json& entry);
  [[noreturn]] void Fail(const std::string& what, const std::string& why) const;

  const Env& env_;
  FilterInput input_;
  std::string tokenizer_sha256_;
  Json shards_;
  int64_t problems_ = 0;
  size_t next_shard_ = 0;
  std::vector<TraceTree> trees_;
  size_t next_tree_ = 0;
  std::string last_id_;
};

/// All inputs side by side: each call gives the trees of the next problem, in input order.
class ProblemStream {
 public:
  ProblemStream(const Env& env, const std::vector<FilterInput>& inputs,
                const std::string& tokenizer_sha256);

  /// Empty at the end.
  std::vector<SourcedTree> Next();
  /// At most so many problems come (those in several inputs are counted in each).
  int64_t trees() const;

 private:
  std::vector<TreeStream> streams_;
};

}  // namespace retort
