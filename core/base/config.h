// Strict experiment files (YAML). Reading a key declares it: whatever was never read is unknown.
//
// A component's FromConfig(ConfigSection) reads its keys, with the struct's own values as
// defaults. Problems are collected, not thrown, so that ConfigDocument::Finish can report every
// one at once with file:line:column, the key's path and the nearest valid key. Refused outright:
// duplicate keys, anchors, aliases, tags, NUL, depth over 64, files over 1 MiB, wrong types and
// anything but the strict number grammar ([-+]digits, underscores between digits, decimal or
// exponent form for numbers; never 010, 0x1F, or a quoted number). Single-threaded.
//
// Overrides merge mappings key by key and replace everything else. In a mapping whose `name` (the
// plug-in it selects) was found wrong, other keys are not judged: nobody read them.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/json.h"

namespace retort {

struct IntRange {
  int64_t min = std::numeric_limits<int64_t>::min();
  int64_t max = std::numeric_limits<int64_t>::max();
};

struct FloatRange {
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  bool exclusive_min = false;
};

class ConfigDocument;

/// One mapping of the file, or an absent one (then every key takes its default). A cheap handle;
/// the ConfigDocument must outlive it.
class ConfigSection {
 public:
  /// "train.student", or "" for the root.
  const std::string& path() const { return path_; }
  /// Whether the file (or an override) has this key. Does not declare it.
  bool Has(std::string_view key) const;

  /// Each reads `key` if it is there, checks it, and records the value as resolved either way.
  void Int(std::string_view key, int64_t* value, IntRange range = {});
  void Int(std::string_view key, int* value, IntRange range = {});
  void Float(std::string_view key, double* value, FloatRange range = {});
  void Bool(std::string_view key, bool* value);
  void String(std::string_view key, std::string* value);
  /// One of `choices`.
  void Choice(std::string_view key, std::string* value, const std::vector<std::string>& choices);
  void IntList(std::string_view key, std::vector<int64_t>* values, IntRange range = {});
  void FloatList(std::string_view key, std::vector<double>* values, FloatRange range = {});
  void StringList(std::string_view key, std::vector<std::string>* values);

  /// A nested mapping; an absent one reads as empty. Declares the key.
  ConfigSection Section(std::string_view key);
  /// A sequence of mappings. Declares the key.
  std::vector<ConfigSection> List(std::string_view key);
  /// A mapping from free names (not declared keys) to mappings, in file order.
  std::vector<std::pair<std::string, ConfigSection>> Named(std::string_view key);

  /// Reports a semantic error at `key` (its line if present, otherwise this mapping's).
  void Fail(std::string_view key, const std::string& why);

  /// Everything read so far below this mapping, resolved (defaults filled in).
  Json Resolved() const;

  /// Implementation handles, defined in config.cc.
  struct Node;
  ConfigSection(ConfigDocument* document, Node* node, std::string path)
      : document_(document), node_(node), path_(std::move(path)) {}

 private:
  ConfigDocument* document_;
  Node* node_;
  std::string path_;
};

class ConfigDocument {
 public:
  /// Parses text. `overrides` are "a.b=value" (must name a key that some component reads; an
  /// unknown one is reported like any unknown key, with origin "override"); list items are
  /// addressed by index ("filter.traces.filters.0.max"). Syntax errors are collected like others.
  static std::unique_ptr<ConfigDocument> Parse(const std::string& text, const std::string& filename,
                                               const std::vector<std::string>& overrides);
  ~ConfigDocument();

  ConfigSection Root();

  /// Throws Error(kConfig) with one line per problem, in file order, unless there is none.
  /// Unknown keys are found here: call it after every component has read its section.
  void Finish();

  /// The file with every default filled in; parsing it again resolves to the same values.
  std::string ResolvedYaml() const;
  Json ResolvedJson() const;

  struct Impl;
  Impl& impl() { return *impl_; }

 private:
  ConfigDocument();
  std::unique_ptr<Impl> impl_;
};

}  // namespace retort
