#include "core/task/record_reader.h"

#include <algorithm>
#include <optional>

#include "core/base/strings.h"

namespace retort {
namespace {

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/// The record that is being read, never longer than kMaxRecordBytes.
class RecordBuffer {
 public:
  explicit RecordBuffer(const std::function<void(const Record&)>& visit) : visit_(visit) {}

  void Append(std::string_view text, int64_t line) {
    if (blank_) {
      const auto* first = std::find_if_not(text.begin(), text.end(), IsSpace);
      if (first == text.end()) return;
      text.remove_prefix(static_cast<size_t>(first - text.begin()));
      line_ = line;
      blank_ = false;
    }
    const size_t room = kMaxRecordBytes - std::min(kMaxRecordBytes, text_.size());
    too_long_ = too_long_ || text.size() > room;
    if (!too_long_) text_ += text;
  }

  bool blank() const { return blank_; }

  /// Hands the record over unless it is blank.
  void Flush() {
    if (!blank_ && too_long_) {
      Fail(StrCat("longer than ", WithCommas(kMaxRecordBytes),
                  " bytes, the most a record may have; is it one problem a line?"));
    } else if (!blank_) {
      visit_({.text = text_, .line = line_});
    }
    Clear();
  }

  void Fail(const std::string& why) { visit_({.text = {}, .line = line_, .broken = why}); }

 private:
  void Clear() {
    text_.clear();
    blank_ = true;
    too_long_ = false;
  }

  const std::function<void(const Record&)>& visit_;
  std::string text_;
  int64_t line_ = 1;
  bool blank_ = true;
  bool too_long_ = false;
};

/// Finds where records end, from blocks cut anywhere.
class RecordSplitter {
 public:
  explicit RecordSplitter(const std::function<void(const Record&)>& visit) : buffer_(visit) {}

  void Feed(std::string_view block) {
    while (!is_array_ && !block.empty()) {
      line_ += block.front() == '\n' ? 1 : 0;
      const bool space = IsSpace(block.front());
      if (!space) is_array_ = block.front() == '[';
      if (!space && !*is_array_) break;
      block.remove_prefix(1);
    }
    if (!is_array_) return;
    if (*is_array_) {
      FeedArray(block);
    } else {
      FeedLines(block);
    }
  }

  void Finish() {
    buffer_.Flush();
    if (is_array_.value_or(false) && !closed_) buffer_.Fail("the array does not end: no closing ]");
  }

 private:
  void FeedLines(std::string_view block) {
    while (!block.empty()) {
      const size_t end = block.find('\n');
      buffer_.Append(block.substr(0, end), line_);
      if (end == std::string_view::npos) return;
      buffer_.Flush();
      ++line_;
      block.remove_prefix(end + 1);
    }
  }

  void FeedArray(std::string_view block) {
    size_t begin = 0;
    for (size_t i = 0; i < block.size(); ++i) {
      const char c = block[i];
      if (EndsElement(c)) {
        buffer_.Append(block.substr(begin, i - begin), line_);
        begin = i + 1;
        buffer_.Flush();
      } else if (buffer_.blank() && !IsSpace(c)) {
        buffer_.Append(block.substr(begin, i + 1 - begin), line_);
        begin = i + 1;
      }
      line_ += c == '\n' ? 1 : 0;
    }
    buffer_.Append(block.substr(begin), line_);
  }

  /// Follows strings and nesting; true for the comma or bracket that ends an element.
  bool EndsElement(char c) {
    if (closed_) return false;
    if (in_string_) {
      in_string_ = escaped_ || c != '"';
      escaped_ = !escaped_ && c == '\\';
      return false;
    }
    if (c == '"') in_string_ = true;
    if (c == '{' || c == '[') ++depth_;
    if (c == ']' && depth_ == 0) {
      closed_ = true;
      return true;
    }
    if (c == '}' || c == ']') depth_ = std::max<int64_t>(depth_ - 1, 0);
    return c == ',' && depth_ == 0;
  }

  RecordBuffer buffer_;
  std::optional<bool> is_array_;
  int64_t line_ = 1;
  int64_t depth_ = 0;
  bool in_string_ = false;
  bool escaped_ = false;
  bool closed_ = false;
};

}  // namespace

void ReadRecords(const Env& env, const std::string& path,
                 const std::function<void(const Record&)>& visit) {
  RecordSplitter splitter(visit);
  env.ReadBlocks(path, [&](std::string_view block) { splitter.Feed(block); });
  splitter.Finish();
}

}  // namespace retort
