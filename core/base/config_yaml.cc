#include <algorithm>

#include "core/base/config_node.h"
#include "core/base/strings.h"

namespace retort {
namespace {

using Node = ConfigSection::Node;

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool IsPlainSafe(const std::string& text) {
  // Words that some YAML reader or other takes for a bool or nothing.
  for (const std::string_view word : {"true", "false", "null", "yes", "no", "on", "off"}) {
    const bool same = std::equal(text.begin(), text.end(), word.begin(), word.end(),
                                 [](char a, char b) { return (a | 0x20) == b; });
    if (same) return false;
  }
  if (text.empty() || (!IsLetter(text[0]) && text[0] != '_' && text[0] != '/')) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return IsLetter(c) || (c >= '0' && c <= '9') || c == '_' || c == '/' || c == '.' || c == '-';
  });
}

// JSON's double-quoted form is one of YAML's.
std::string TextYaml(const std::string& text) { return IsPlainSafe(text) ? text : DumpJson(text); }

std::string ValueYaml(const Json& value) {
  if (value.is_string()) return TextYaml(value.get<std::string>());
  if (value.is_number_float()) return DoubleText(value.get<double>());
  if (!value.is_array()) return DumpJson(value);
  std::vector<std::string> items;
  for (const Json& item : value) items.push_back(ValueYaml(item));
  return StrCat("[", Join(items, ", "), "]");
}

std::vector<std::string> MappingLines(const Node& node);

// `first` before the first line and spaces of the same width before the others.
void AppendIndented(const std::vector<std::string>& lines, const std::string& first,
                    std::vector<std::string>* out) {
  std::string prefix = first;
  for (const std::string& line : lines) {
    out->push_back(prefix + line);
    prefix.assign(first.size(), ' ');
  }
}

void AppendSection(const std::string& key, const Node& node, std::vector<std::string>* out) {
  const std::vector<std::string> lines = MappingLines(node);
  out->push_back(StrCat(TextYaml(key), lines.empty() ? ": {}" : ":"));
  AppendIndented(lines, "  ", out);
}

void AppendList(const ConfigSlot& slot, std::vector<std::string>* out) {
  out->push_back(StrCat(TextYaml(slot.key), slot.children.empty() ? ": []" : ":"));
  for (const auto& [index, child] : slot.children) {
    std::vector<std::string> lines = MappingLines(*child);
    if (lines.empty()) lines.push_back("{}");
    AppendIndented(lines, "  - ", out);
  }
}

void AppendNamed(const ConfigSlot& slot, std::vector<std::string>* out) {
  out->push_back(StrCat(TextYaml(slot.key), slot.children.empty() ? ": {}" : ":"));
  std::vector<std::string> lines;
  for (const auto& [name, child] : slot.children) AppendSection(name, *child, &lines);
  AppendIndented(lines, "  ", out);
}

std::vector<std::string> MappingLines(const Node& node) {
  std::vector<std::string> lines;
  for (const ConfigSlot& slot : node.slots) {
    switch (slot.kind) {
      case ConfigSlot::Kind::kValue:
        if (slot.representable) {
          lines.push_back(StrCat(TextYaml(slot.key), ": ", ValueYaml(slot.value)));
        }
        break;
      case ConfigSlot::Kind::kSection:
        AppendSection(slot.key, *slot.children.front().second, &lines);
        break;
      case ConfigSlot::Kind::kList:
        AppendList(slot, &lines);
        break;
      case ConfigSlot::Kind::kNamed:
        AppendNamed(slot, &lines);
        break;
    }
  }
  return lines;
}

Json SlotJson(const ConfigSlot& slot) {
  switch (slot.kind) {
    case ConfigSlot::Kind::kValue:
      return slot.value;
    case ConfigSlot::Kind::kSection:
      return ResolvedConfigJson(*slot.children.front().second);
    case ConfigSlot::Kind::kList: {
      Json list = Json::array();
      for (const auto& [index, child] : slot.children) list.push_back(ResolvedConfigJson(*child));
      return list;
    }
    case ConfigSlot::Kind::kNamed:
      break;
  }
  Json named = Json::object();
  for (const auto& [name, child] : slot.children) named[name] = ResolvedConfigJson(*child);
  return named;
}

}  // namespace

Json ResolvedConfigJson(const Node& node) {
  Json object = Json::object();
  for (const ConfigSlot& slot : node.slots) {
    if (slot.representable) object[slot.key] = SlotJson(slot);
  }
  return object;
}

std::string ResolvedConfigYaml(const Node& node) {
  const std::vector<std::string> lines = MappingLines(node);
  return lines.empty() ? "{}\n" : Join(lines, "\n") + "\n";
}

}  // namespace retort
