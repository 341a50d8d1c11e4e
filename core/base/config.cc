#include "core/base/config.h"

#include <algorithm>
#include <cmath>

#include "core/base/config_node.h"
#include "core/base/error.h"

namespace retort {
namespace {

using Node = ConfigSection::Node;
using Kind = Node::Kind;
using Impl = ConfigDocument::Impl;

constexpr int64_t kIntMin = std::numeric_limits<int>::min();
constexpr int64_t kIntMax = std::numeric_limits<int>::max();

// "a number > 0 and <= 1"; `low` and `high` are "" for an open end.
std::string Expected(const std::string& what, const std::string& low, const std::string& high,
                     bool exclusive_min) {
  if (low.empty() && high.empty()) return what;
  if (high.empty()) return StrCat(what, exclusive_min ? " > " : " >= ", low);
  if (low.empty()) return StrCat(what, " <= ", high);
  if (exclusive_min) return StrCat(what, " > ", low, " and <= ", high);
  return StrCat(what, " between ", low, " and ", high);
}

std::string Expected(const IntRange& range) {
  return Expected("an integer", range.min > kIntMin ? std::to_string(range.min) : "",
                  range.max < kIntMax ? std::to_string(range.max) : "", false);
}

std::string Expected(const FloatRange& range) {
  return Expected("a number", std::isfinite(range.min) ? DoubleText(range.min) : "",
                  std::isfinite(range.max) ? DoubleText(range.max) : "", range.exclusive_min);
}

bool Contains(const IntRange& range, int64_t value) {
  return value >= range.min && value <= range.max;
}

bool Contains(const FloatRange& range, double value) {
  const bool above = range.exclusive_min ? value > range.min : value >= range.min;
  return std::isfinite(value) && above && value <= range.max;
}

// A value in the file and how to complain about it.
struct Found {
  Impl& impl;
  const Node& node;
  std::string path;

  void Report(const std::string& expected, const std::string& advice = "") const {
    if (node.refused) return;
    impl.Report(node.origin, path,
                StrCat("expected ", expected, ", got ", DescribeConfigValue(node), advice));
  }
  bool IsPlain() const { return node.kind == Kind::kScalar && !node.quoted; }
  std::string QuoteAdvice() const {
    const bool number = node.kind == Kind::kScalar && node.quoted && LooksTyped(node.text);
    return number ? " - remove the quotes" : "";
  }
};

std::optional<int64_t> ReadInt(const Found& found, const IntRange& range) {
  const std::optional<int64_t> value =
      found.IsPlain() ? ParseConfigInt(found.node.text) : std::nullopt;
  if (value && Contains(range, *value)) return value;
  const bool too_big = found.IsPlain() && range.max >= kIntMax &&
                       ParseConfigFloat(found.node.text).value_or(0) > static_cast<double>(kIntMax);
  found.Report(Expected(range), too_big ? " (too large)" : found.QuoteAdvice());
  return std::nullopt;
}

std::optional<double> ReadFloat(const Found& found, const FloatRange& range) {
  const std::optional<double> value =
      found.IsPlain() ? ParseConfigFloat(found.node.text) : std::nullopt;
  if (value && Contains(range, *value)) return value;
  const bool too_wide = !value && found.IsPlain() && IsConfigNumber(found.node.text);
  found.Report(Expected(range), too_wide ? " (beyond a 64-bit float)" : found.QuoteAdvice());
  return std::nullopt;
}

std::optional<bool> ReadBool(const Found& found) {
  if (found.IsPlain() && found.node.text == "true") return true;
  if (found.IsPlain() && found.node.text == "false") return false;
  found.Report("true or false", found.QuoteAdvice());
  return std::nullopt;
}

std::optional<std::string> ReadString(const Found& found) {
  const bool typed = found.IsPlain() && LooksTyped(found.node.text);
  if (found.node.kind == Kind::kScalar && !typed) return found.node.text;
  const bool nothing = found.node.kind == Kind::kNull;
  found.Report("text", typed ? " - put it in quotes" : nothing ? " - write \"\" for none" : "");
  return std::nullopt;
}

// What a section's methods need of it.
struct Scope {
  Impl& impl;
  Node& node;
  const std::string& path;

  std::string PathOf(std::string_view key) const { return JoinKeyPath(path, key); }

  // The value of `key` as `read` (which reports what is wrong) makes it, if the file has one.
  template <typename Value, typename Read>
  void Take(std::string_view key, Value* value, const Read& read) const {
    const Node* child = node.Find(key);
    if (child == nullptr) return;
    auto result = read(Found{impl, *child, PathOf(key)});
    if (result) *value = static_cast<Value>(*std::move(result));
  }

  void Record(std::string_view key, Json value, bool representable) const {
    ConfigSlot& slot = node.Declare(key, ConfigSlot::Kind::kValue);
    slot.value = std::move(value);
    slot.representable = representable;
  }

  // A list whose items `read` takes one by one.
  template <typename Value, typename Read>
  void TakeList(std::string_view key, std::vector<Value>* values, const Read& read) const {
    Take(key, values, [&](const Found& found) -> std::optional<std::vector<Value>> {
      if (found.node.kind != Kind::kSequence) {
        found.Report("a list");
        return std::nullopt;
      }
      std::vector<Value> items;
      for (size_t i = 0; i < found.node.items.size(); ++i) {
        auto item = read(Found{impl, *found.node.items[i], JoinKeyPath(found.path, StrCat(i))});
        if (item) items.push_back(*std::move(item));
      }
      return items;
    });
    Record(key, *values, true);
  }

  // The node of `key` if it is of `kind` or empty; otherwise null, reported unless it is absent.
  Node* Container(std::string_view key, Kind kind, const std::string& expected) const {
    Node* child = node.Find(key);
    if (child == nullptr || child->kind == kind || child->kind == Kind::kNull) return child;
    Found{impl, *child, PathOf(key)}.Report(expected);
    return nullptr;
  }

  bool IsMapping(const Node& child, const std::string& child_path) const {
    if (child.kind == Kind::kMapping || child.kind == Kind::kNull) return true;
    Found{impl, child, child_path}.Report("a mapping");
    return false;
  }
};

std::string UnknownKey(const std::string& key, const Node& mapping) {
  std::vector<std::string> known;
  for (const ConfigSlot& slot : mapping.slots) known.push_back(slot.key);
  const std::string nearest = NearestName(key, known);
  std::string why = StrCat("unknown key \"", key, "\"");
  if (!nearest.empty()) return StrCat(why, " - did you mean \"", nearest, "\"?");
  if (known.empty()) return StrCat(why, " - no key is known here");
  std::sort(known.begin(), known.end());
  return StrCat(why, " - known here: ", Join(known, ", "));
}

bool IsDeclared(const Node& mapping, const std::string& key) {
  return std::any_of(mapping.slots.begin(), mapping.slots.end(),
                     [&](const ConfigSlot& slot) { return slot.key == key; });
}

void FindUnknownKeys(const Node& mapping, const std::string& path,
                     std::vector<ConfigProblem>* problems) {
  for (const auto& [key, member] : mapping.members) {
    if (mapping.unjudged || IsDeclared(mapping, key)) continue;
    problems->push_back({member->origin, JoinKeyPath(path, key), UnknownKey(key, mapping)});
  }
  for (const ConfigSlot& slot : mapping.slots) {
    for (const auto& [name, child] : slot.children) {
      const std::string slot_path = JoinKeyPath(path, slot.key);
      FindUnknownKeys(*child, name.empty() ? slot_path : JoinKeyPath(slot_path, name), problems);
    }
  }
}

}  // namespace

std::string JoinKeyPath(std::string_view parent, std::string_view key) {
  return StrCat(parent, parent.empty() || key.empty() ? "" : ".", key);
}

Node* Node::Find(std::string_view key) const {
  for (const auto& [name, member] : members) {
    if (name == key) return member.get();
  }
  return nullptr;
}

ConfigSlot& Node::Declare(std::string_view key, ConfigSlot::Kind slot_kind) {
  for (ConfigSlot& slot : slots) {
    if (slot.key != key) continue;
    slot.kind = slot_kind;
    return slot;
  }
  ConfigSlot& slot = slots.emplace_back();
  slot.key = key;
  slot.kind = slot_kind;
  return slot;
}

void Impl::Report(const ConfigOrigin& origin, const std::string& path, const std::string& why) {
  if (!unreadable) problems.push_back({origin, path, why});
}

std::string Impl::Describe(const ConfigProblem& problem) const {
  const ConfigOrigin& at = problem.origin;
  const std::string what = StrCat(problem.path, problem.path.empty() ? "" : ": ", problem.why);
  if (at.override_index >= 0) {
    return StrCat(what, " (override ", overrides[static_cast<size_t>(at.override_index)], ")");
  }
  if (at.line == 0) return StrCat(filename, ": ", what);
  return StrCat(filename, ":", at.line, ":", at.column, ": ", what);
}

bool ConfigSection::Has(std::string_view key) const { return node_->Find(key) != nullptr; }

void ConfigSection::Int(std::string_view key, int64_t* value, IntRange range) {
  const Scope scope{document_->impl(), *node_, path_};
  scope.Take(key, value, [&](const Found& found) { return ReadInt(found, range); });
  scope.Record(key, *value, Contains(range, *value));
}

void ConfigSection::Int(std::string_view key, int* value, IntRange range) {
  int64_t wide = *value;
  Int(key, &wide, {.min = std::max(range.min, kIntMin), .max = std::min(range.max, kIntMax)});
  *value = static_cast<int>(wide);
}

void ConfigSection::Float(std::string_view key, double* value, FloatRange range) {
  const Scope scope{document_->impl(), *node_, path_};
  scope.Take(key, value, [&](const Found& found) { return ReadFloat(found, range); });
  scope.Record(key, *value, Contains(range, *value));
}

void ConfigSection::Bool(std::string_view key, bool* value) {
  const Scope scope{document_->impl(), *node_, path_};
  scope.Take(key, value, ReadBool);
  scope.Record(key, *value, true);
}

void ConfigSection::String(std::string_view key, std::string* value) {
  const Scope scope{document_->impl(), *node_, path_};
  scope.Take(key, value, ReadString);
  scope.Record(key, *value, true);
}

void ConfigSection::Choice(std::string_view key, std::string* value,
                           const std::vector<std::string>& choices) {
  const Scope scope{document_->impl(), *node_, path_};
  const auto is_choice = [&](const std::string& text) {
    return std::find(choices.begin(), choices.end(), text) != choices.end();
  };
  scope.Take(key, value, [&](const Found& found) -> std::optional<std::string> {
    if (found.node.kind == Kind::kScalar && is_choice(found.node.text)) return found.node.text;
    const std::string nearest = NearestName(found.node.text, choices);
    found.Report(StrCat(choices.size() == 1 ? "" : "one of ", Join(choices, ", ")),
                 nearest.empty() ? "" : StrCat(" - did you mean \"", nearest, "\"?"));
    if (key == "name") node_->unjudged = true;
    return std::nullopt;
  });
  scope.Record(key, *value, is_choice(*value));
}

void ConfigSection::IntList(std::string_view key, std::vector<int64_t>* values, IntRange range) {
  const Scope scope{document_->impl(), *node_, path_};
  scope.TakeList(key, values, [&](const Found& found) { return ReadInt(found, range); });
}

void ConfigSection::FloatList(std::string_view key, std::vector<double>* values, FloatRange range) {
  const Scope scope{document_->impl(), *node_, path_};
  scope.TakeList(key, values, [&](const Found& found) { return ReadFloat(found, range); });
}

void ConfigSection::StringList(std::string_view key, std::vector<std::string>* values) {
  const Scope scope{document_->impl(), *node_, path_};
  scope.TakeList(key, values, ReadString);
}

ConfigSection ConfigSection::Section(std::string_view key) {
  const Scope scope{document_->impl(), *node_, path_};
  const std::string path = scope.PathOf(key);
  ConfigSlot& slot = node_->Declare(key, ConfigSlot::Kind::kSection);
  if (slot.children.empty()) {
    Node* child = scope.Container(key, Kind::kMapping, "a mapping");
    if (child == nullptr) {
      child = node_->absent_children.emplace_back(std::make_unique<Node>()).get();
      child->origin = node_->origin;
    }
    slot.children.emplace_back("", child);
  }
  return ConfigSection(document_, slot.children.front().second, path);
}

std::vector<ConfigSection> ConfigSection::List(std::string_view key) {
  const Scope scope{document_->impl(), *node_, path_};
  ConfigSlot& slot = node_->Declare(key, ConfigSlot::Kind::kList);
  slot.children.clear();
  std::vector<ConfigSection> sections;
  const Node* list = scope.Container(key, Kind::kSequence, "a list of mappings");
  for (size_t i = 0; list != nullptr && i < list->items.size(); ++i) {
    const std::string path = JoinKeyPath(scope.PathOf(key), StrCat(i));
    if (!scope.IsMapping(*list->items[i], path)) continue;
    slot.children.emplace_back(StrCat(i), list->items[i].get());
    sections.emplace_back(document_, list->items[i].get(), path);
  }
  return sections;
}

std::vector<std::pair<std::string, ConfigSection>> ConfigSection::Named(std::string_view key) {
  const Scope scope{document_->impl(), *node_, path_};
  ConfigSlot& slot = node_->Declare(key, ConfigSlot::Kind::kNamed);
  slot.children.clear();
  std::vector<std::pair<std::string, ConfigSection>> sections;
  const Node* named = scope.Container(key, Kind::kMapping, "a mapping of names to mappings");
  if (named == nullptr) return sections;
  for (const auto& [name, member] : named->members) {
    const std::string path = JoinKeyPath(scope.PathOf(key), name);
    if (!scope.IsMapping(*member, path)) continue;
    slot.children.emplace_back(name, member.get());
    sections.emplace_back(name, ConfigSection(document_, member.get(), path));
  }
  return sections;
}

void ConfigSection::Fail(std::string_view key, const std::string& why) {
  const Node* child = node_->Find(key);
  const ConfigOrigin& origin = child == nullptr ? node_->origin : child->origin;
  document_->impl().Report(origin, JoinKeyPath(path_, key), why);
  if (key == "name") node_->unjudged = true;
}

Json ConfigSection::Resolved() const { return ResolvedConfigJson(*node_); }

ConfigDocument::ConfigDocument() : impl_(std::make_unique<Impl>()) {}
ConfigDocument::~ConfigDocument() = default;

std::unique_ptr<ConfigDocument> ConfigDocument::Parse(const std::string& text,
                                                      const std::string& filename,
                                                      const std::vector<std::string>& overrides) {
  std::unique_ptr<ConfigDocument> document(new ConfigDocument());
  Impl& impl = document->impl();
  impl.filename = filename;
  impl.overrides = overrides;
  ParseConfigText(text, &impl);
  for (size_t i = 0; i < overrides.size(); ++i) ApplyConfigOverride(static_cast<int>(i), &impl);
  return document;
}

ConfigSection ConfigDocument::Root() { return ConfigSection(this, impl_->root.get(), ""); }

void ConfigDocument::Finish() {
  std::vector<ConfigProblem> problems = impl_->problems;
  if (!impl_->unreadable) FindUnknownKeys(*impl_->root, "", &problems);
  std::stable_sort(problems.begin(), problems.end(),
                   [](const auto& a, const auto& b) { return a.origin < b.origin; });
  std::vector<std::string> lines;
  for (const ConfigProblem& problem : problems) {
    std::string line = impl_->Describe(problem);
    // A section that two components read reports the same thing twice.
    if (std::find(lines.begin(), lines.end(), line) == lines.end()) lines.push_back(line);
  }
  if (!lines.empty()) throw Error(ExitCode::kConfig, Join(lines, "\n"));
}

std::string ConfigDocument::ResolvedYaml() const { return ResolvedConfigYaml(*impl_->root); }
Json ConfigDocument::ResolvedJson() const { return ResolvedConfigJson(*impl_->root); }

}  // namespace retort
