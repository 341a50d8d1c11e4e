// The parsed experiment file as config.cc, config_parse.cc and config_yaml.cc share it; nothing
// else includes this. A node keeps where it came from, what it holds and what was read from it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/config.h"

namespace retort {

/// Where a node was written: a place in the file, or an override of the command line.
struct ConfigOrigin {
  int override_index = -1;  // into the list of overrides; -1 for the file
  int line = 0;             // 1-based; 0 is "the file as a whole"
  int column = 0;
  auto operator<=>(const ConfigOrigin&) const = default;
};

/// One declared key of a mapping, in the order of reading.
struct ConfigSlot {
  enum class Kind { kValue, kSection, kList, kNamed };
  std::string key;
  Kind kind = Kind::kValue;
  Json value;                 // kValue
  bool representable = true;  // kValue: false when a default could not be read back
  std::vector<std::pair<std::string, ConfigSection::Node*>> children;  // the other kinds
};

struct ConfigSection::Node {
  enum class Kind { kAbsent, kNull, kScalar, kSequence, kMapping };
  Kind kind = Kind::kAbsent;
  ConfigOrigin origin;   // of the key for a mapping's member, of the value otherwise
  std::string text;      // kScalar
  bool quoted = false;   // kScalar
  bool refused = false;  // stands in for an alias: already reported, whatever a reader expects
  std::vector<std::unique_ptr<Node>> items;                            // kSequence
  std::vector<std::pair<std::string, std::unique_ptr<Node>>> members;  // kMapping, in file order

  std::vector<ConfigSlot> slots;
  std::vector<std::unique_ptr<Node>> absent_children;  // stand in for sections that are not there
  bool unjudged = false;  // its `name` is wrong, so nobody read the keys that belong to it

  Node* Find(std::string_view key) const;
  ConfigSlot& Declare(std::string_view key, ConfigSlot::Kind slot_kind);
};

struct ConfigProblem {
  ConfigOrigin origin;
  std::string path;  // "train.student.lr", or ""
  std::string why;
};

struct ConfigDocument::Impl {
  std::string filename;
  std::vector<std::string> overrides;
  std::unique_ptr<ConfigSection::Node> root;
  std::vector<ConfigProblem> problems;
  bool unreadable = false;  // syntax is broken: what components say about the rest is noise

  void Report(const ConfigOrigin& origin, const std::string& path, const std::string& why);
  /// One line: place, path, why.
  std::string Describe(const ConfigProblem& problem) const;
};

/// "train" + "lr" -> "train.lr".
std::string JoinKeyPath(std::string_view parent, std::string_view key);

/// Parses `text` into `impl.root`, reporting every problem; sets `unreadable` on broken syntax.
void ParseConfigText(const std::string& text, ConfigDocument::Impl* impl);
/// Applies overrides[index] to the tree.
void ApplyConfigOverride(int index, ConfigDocument::Impl* impl);

/// Strict number grammar of config.h; nullopt when `text` is not one, or out of the type's range.
std::optional<int64_t> ParseConfigInt(std::string_view text);
std::optional<double> ParseConfigFloat(std::string_view text);
/// Whether `text` follows that grammar, whatever its magnitude.
bool IsConfigNumber(std::string_view text);
/// Whether an unquoted `text` would be read as a number, a bool or nothing instead of a string.
bool LooksTyped(std::string_view text);
/// "12", "\"1e-4x\"", "a list", "nothing": what was found, for messages.
std::string DescribeConfigValue(const ConfigSection::Node& node);

/// Resolved values of a mapping as JSON and as YAML in the order of reading.
Json ResolvedConfigJson(const ConfigSection::Node& node);
std::string ResolvedConfigYaml(const ConfigSection::Node& node);

}  // namespace retort
