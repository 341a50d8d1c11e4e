#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <charconv>
#include <sstream>

#include "core/base/config_node.h"
#include "core/base/error.h"

namespace retort {
namespace {

using Node = ConfigSection::Node;
using Kind = Node::Kind;

constexpr size_t kMaxBytes = size_t{1} << 20;
constexpr size_t kMaxDepth = 64;
constexpr int kMaxNodes = 10000;
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

// Thrown to give a document up: too deep, too big, not text, an open quote.
struct Refusal {
  ConfigOrigin origin;
  std::string why;
};

// Builds nodes from yaml-cpp's events: its own Node drops duplicate keys and positions.
class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(ConfigDocument::Impl& impl, const std::string& text, int override_index,
              const std::string& path)
      : impl_(impl), text_(text), override_index_(override_index), root_path_(path) {}

  std::unique_ptr<Node> TakeRoot() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override {
    auto node = NewNode(mark, "?");
    node->kind = Kind::kNull;
    Add(std::move(node));
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    impl_.Report(OriginAt(mark), Path(), "aliases (*name) are not allowed - write the value out");
    auto node = NewNode(mark, "?");
    node->kind = Kind::kNull;
    node->refused = true;
    Add(std::move(node));
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                const std::string& value) override {
    auto node = NewNode(mark, tag);
    node->kind = Kind::kScalar;
    node->text = value;
    node->quoted = tag == "!";
    if (node->quoted && !QuoteEnds(mark)) throw Refusal{node->origin, "the quote is never closed"};
    if (value.find('\0') != std::string::npos) {
      impl_.Report(node->origin, Path(), "the NUL character is not allowed");
    }
    Add(std::move(node));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    Open(mark, tag, Kind::kSequence);
  }
  void OnSequenceEnd() override { Close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    Open(mark, tag, Kind::kMapping);
  }
  void OnMapEnd() override { Close(); }

  void OnAnchor(const YAML::Mark& mark, const std::string& name) override {
    impl_.Report(OriginAt(mark), Path(),
                 StrCat("anchors (&", name, ") are not allowed - write the value out"));
  }

 private:
  // A collection that is still open; `key` waits for its value in a mapping.
  struct Frame {
    std::unique_ptr<Node> node;
    std::unique_ptr<Node> key;
  };

  ConfigOrigin OriginAt(const YAML::Mark& mark) const {
    if (override_index_ >= 0) return {.override_index = override_index_};
    return {.line = mark.line + 1, .column = mark.column + 1};
  }

  std::unique_ptr<Node> NewNode(const YAML::Mark& mark, const std::string& tag) {
    const ConfigOrigin origin = OriginAt(mark);
    if (++count_ > kMaxNodes) {
      throw Refusal{origin, StrCat("more than ", WithCommas(kMaxNodes), " values")};
    }
    if (tag != "?" && tag != "!") {
      impl_.Report(origin, Path(), StrCat("tags (", tag, ") are not allowed"));
    }
    auto node = std::make_unique<Node>();
    node->origin = origin;
    return node;
  }

  void Open(const YAML::Mark& mark, const std::string& tag, Kind kind) {
    auto node = NewNode(mark, tag);
    node->kind = kind;
    if (open_.size() >= kMaxDepth) {
      throw Refusal{node->origin, StrCat("nested deeper than ", kMaxDepth, " levels")};
    }
    open_.push_back({.node = std::move(node), .key = nullptr});
  }

  void Close() {
    std::unique_ptr<Node> node = std::move(open_.back().node);
    open_.pop_back();
    Add(std::move(node));
  }

  void Add(std::unique_ptr<Node> node) {
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Frame& frame = open_.back();
    if (frame.node->kind == Kind::kSequence) {
      frame.node->items.push_back(std::move(node));
    } else if (frame.key == nullptr) {
      frame.key = std::move(node);
    } else {
      AddMember(frame, std::move(node));
    }
  }

  void AddMember(Frame& frame, std::unique_ptr<Node> value) {
    const std::unique_ptr<Node> key = std::move(frame.key);
    if (key->kind != Kind::kScalar || key->text.empty()) {
      impl_.Report(key->origin, Path(),
                   StrCat("a key must be a name, got ", DescribeConfigValue(*key)));
      return;
    }
    if (const Node* first = frame.node->Find(key->text)) {
      const std::string where =
          override_index_ < 0 ? StrCat(" (first on line ", first->origin.line, ")") : "";
      impl_.Report(key->origin, JoinKeyPath(Path(), key->text),
                   StrCat("duplicate key \"", key->text, "\"", where));
      return;
    }
    value->origin = key->origin;
    frame.node->members.emplace_back(key->text, std::move(value));
  }

  // yaml-cpp takes the end of the file for the end of a quoted text.
  bool QuoteEnds(const YAML::Mark& mark) const {
    size_t at = static_cast<size_t>(mark.pos) + (text_.starts_with(kByteOrderMark) ? 3 : 0);
    if (at >= text_.size() || (text_[at] != '"' && text_[at] != '\'')) return true;  // | or >
    const char quote = text_[at++];
    for (; at < text_.size(); ++at) {
      const bool escaped = quote == '"' ? text_[at] == '\\' : text_.substr(at, 2) == "''";
      if (escaped) {
        ++at;
      } else if (text_[at] == quote) {
        return true;
      }
    }
    return false;
  }

  // Path of the value that is being read.
  std::string Path() const {
    std::string path = root_path_;
    for (const Frame& frame : open_) {
      if (frame.node->kind == Kind::kSequence) {
        path = JoinKeyPath(path, std::to_string(frame.node->items.size()));
      } else if (frame.key != nullptr && frame.key->kind == Kind::kScalar) {
        path = JoinKeyPath(path, frame.key->text);
      }
    }
    return path;
  }

  ConfigDocument::Impl& impl_;
  std::string_view text_;
  int override_index_;
  const std::string& root_path_;
  int count_ = 0;
  std::vector<Frame> open_;
  std::unique_ptr<Node> root_;
};

ConfigOrigin OriginOfByte(const std::string& text, size_t at) {
  ConfigOrigin origin{.line = 1, .column = 1};
  for (size_t i = 0; i < at; ++i) {
    const bool new_line = text[i] == '\n';
    origin.line += new_line ? 1 : 0;
    origin.column = new_line ? 1 : origin.column + 1;
  }
  return origin;
}

// Position of the first byte that is not part of valid UTF-8 (RFC 3629), or npos.
size_t FindInvalidUtf8(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    const auto lead = static_cast<unsigned char>(text[at]);
    const size_t length = lead < 0x80   ? 1
                          : lead < 0xc2 ? 0
                          : lead < 0xe0 ? 2
                          : lead < 0xf0 ? 3
                          : lead < 0xf5 ? 4
                                        : 0;
    if (length == 0 || at + length > text.size()) return at;
    uint32_t code = length == 1 ? lead : lead & (0x7fu >> length);
    for (size_t i = 1; i < length; ++i) {
      const auto next = static_cast<unsigned char>(text[at + i]);
      if ((next & 0xc0) != 0x80) return at;
      code = (code << 6) | (next & 0x3fu);
    }
    const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
    if (overlong || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return at;
    at += length;
  }
  return std::string_view::npos;
}

// The reader's own message for a tab is about what it makes of the rest of the line.
std::string TabAdvice(const std::string& text, int line_index) {
  const std::vector<std::string> lines = Split(text, '\n');
  if (line_index < 0 || static_cast<size_t>(line_index) >= lines.size()) return "";
  const std::string& line = lines[static_cast<size_t>(line_index)];
  const std::string indentation = line.substr(0, line.find_first_not_of(" \t"));
  return indentation.find('\t') == std::string::npos ? "" : " (indent with spaces, not tabs)";
}

void RejectBytes(const std::string& text) {
  if (text.size() > kMaxBytes) {
    throw Refusal{{.line = 0},
                  StrCat("the file has ", WithCommas(static_cast<int64_t>(text.size())),
                         " bytes, at most 1 MiB is read")};
  }
  if (const size_t at = text.find('\0'); at != std::string::npos) {
    throw Refusal{OriginOfByte(text, at), "the NUL character is not allowed"};
  }
  if (const size_t at = FindInvalidUtf8(text); at != std::string::npos) {
    throw Refusal{OriginOfByte(text, at), "the text is not valid UTF-8"};
  }
}

std::unique_ptr<Node> ParseDocument(const std::string& text, TreeBuilder* builder) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  parser.HandleNextDocument(*builder);
  std::unique_ptr<Node> root = builder->TakeRoot();
  if (parser.HandleNextDocument(*builder)) {
    const std::unique_ptr<Node> second = builder->TakeRoot();
    throw Refusal{second ? second->origin : ConfigOrigin{},
                  "a second document (---) is not allowed"};
  }
  return root;
}

// The node that `text` holds, or null after reporting why it cannot be read.
std::unique_ptr<Node> ParseTree(const std::string& text, int override_index,
                                const std::string& path, ConfigDocument::Impl* impl) {
  TreeBuilder builder(*impl, text, override_index, path);
  const auto refuse = [&](ConfigOrigin origin, const std::string& why) {
    if (override_index >= 0) origin = {.override_index = override_index};
    impl->Report(origin, path, why);
    if (override_index < 0) impl->unreadable = true;
  };
  try {
    RejectBytes(text);
    std::unique_ptr<Node> root = ParseDocument(text, &builder);
    if (root != nullptr) return root;
    root = std::make_unique<Node>();
    root->kind = Kind::kNull;
    root->origin = {.override_index = override_index};
    return root;
  } catch (const Refusal& refusal) {
    refuse(refusal.origin, refusal.why);
  } catch (const YAML::Exception& e) {
    refuse({.line = e.mark.line + 1, .column = e.mark.column + 1},
           StrCat("broken YAML - ", e.msg, TabAdvice(text, e.mark.line)));
  }
  return nullptr;
}

// Mappings are merged key by key; anything else replaces what was there.
void Merge(std::unique_ptr<Node> value, std::unique_ptr<Node>* target) {
  Node& old = **target;
  if (value->kind != Kind::kMapping || old.kind != Kind::kMapping) {
    *target = std::move(value);
    return;
  }
  for (auto& [key, member] : value->members) {
    bool found = false;
    for (auto& [old_key, old_member] : old.members) {
      if (old_key != key) continue;
      Merge(std::move(member), &old_member);
      found = true;
      break;
    }
    if (!found) old.members.emplace_back(key, std::move(member));
  }
}

// The slot that one step of an override's path leads to, made if it may be made; null after
// reporting why not.
std::unique_ptr<Node>* Step(Node* node, const std::string& key, const std::string& path,
                            const ConfigOrigin& origin, ConfigDocument::Impl* impl) {
  if (node->kind == Kind::kSequence) {
    size_t index = 0;
    const auto result = std::from_chars(key.data(), key.data() + key.size(), index);
    const bool whole = result.ec == std::errc() && result.ptr == key.data() + key.size();
    if (whole && index < node->items.size()) return &node->items[index];
    impl->Report(origin, path,
                 StrCat("expected an index below ", node->items.size(), ", got \"", key, "\""));
    return nullptr;
  }
  if (node->kind == Kind::kScalar) {
    impl->Report(origin, path,
                 StrCat("cannot set \"", key, "\" inside ", DescribeConfigValue(*node),
                        ": it is not a mapping"));
    return nullptr;
  }
  node->kind = Kind::kMapping;
  for (auto& [name, member] : node->members) {
    if (name == key) return &member;
  }
  auto made = std::make_unique<Node>();
  made->origin = origin;
  return &node->members.emplace_back(key, std::move(made)).second;
}

}  // namespace

void ParseConfigText(const std::string& text, ConfigDocument::Impl* impl) {
  impl->root = ParseTree(text, -1, "", impl);
  if (impl->root == nullptr) impl->root = std::make_unique<Node>();
  if (impl->root->kind == Kind::kScalar || impl->root->kind == Kind::kSequence) {
    impl->Report(impl->root->origin, "",
                 StrCat("expected a mapping, got ", DescribeConfigValue(*impl->root)));
    impl->unreadable = true;
    impl->root = std::make_unique<Node>();
  }
}

void ApplyConfigOverride(int index, ConfigDocument::Impl* impl) {
  const std::string& text = impl->overrides[static_cast<size_t>(index)];
  const ConfigOrigin origin{.override_index = index};
  const size_t equals = text.find('=');
  const std::string path = text.substr(0, equals);
  const std::vector<std::string> keys = Split(path, '.');
  const bool has_empty_key = std::find(keys.begin(), keys.end(), "") != keys.end();
  if (equals == std::string::npos || has_empty_key) {
    impl->Report(origin, "", "expected key.path=value");
    return;
  }
  std::unique_ptr<Node> value = ParseTree(text.substr(equals + 1), index, path, impl);
  std::unique_ptr<Node>* target = &impl->root;
  for (const std::string& key : keys) {
    if (value == nullptr || target == nullptr) return;
    target = Step(target->get(), key, path, origin, impl);
  }
  if (target != nullptr) Merge(std::move(value), target);
}

}  // namespace retort
