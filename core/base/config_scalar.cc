#include <charconv>
#include <cmath>

#include "core/base/config_node.h"
#include "core/base/strings.h"

namespace retort {
namespace {

constexpr size_t kShownBytes = 60;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Digits from `*at` on, with single underscores between digits, appended to `*plain` without them.
// False when there is none or an underscore is out of place.
bool TakeDigits(std::string_view text, size_t* at, std::string* plain) {
  bool after_digit = false;
  for (; *at < text.size() && (IsDigit(text[*at]) || text[*at] == '_'); ++*at) {
    const bool digit = IsDigit(text[*at]);
    if (!digit && !after_digit) return false;
    if (digit) *plain += text[*at];
    after_digit = digit;
  }
  return after_digit;
}

bool TakeSign(std::string_view text, size_t* at, std::string* plain) {
  if (*at >= text.size() || (text[*at] != '-' && text[*at] != '+')) return false;
  if (text[*at] == '-') *plain += '-';
  ++*at;
  return true;
}

struct PlainNumber {
  std::string text;  // as std::from_chars reads it
  bool integer = true;
};

std::optional<PlainNumber> ToPlainNumber(std::string_view text) {
  PlainNumber number;
  size_t at = 0;
  TakeSign(text, &at, &number.text);
  const size_t first = at;
  if (!TakeDigits(text, &at, &number.text)) return std::nullopt;
  if (text[first] == '0' && at > first + 1) return std::nullopt;
  if (at < text.size() && text[at] == '.') {
    number.integer = false;
    number.text += text[at++];
    if (!TakeDigits(text, &at, &number.text)) return std::nullopt;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    number.integer = false;
    number.text += text[at++];
    TakeSign(text, &at, &number.text);
    if (!TakeDigits(text, &at, &number.text)) return std::nullopt;
  }
  if (at != text.size()) return std::nullopt;
  return number;
}

template <typename Number>
std::optional<Number> FromPlain(const std::string& text) {
  Number value{};
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc()) return std::nullopt;
  return value;
}

std::string Shortened(const std::string& text) {
  if (text.size() <= kShownBytes) return text;
  size_t end = kShownBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end) + "...";
}

}  // namespace

std::optional<int64_t> ParseConfigInt(std::string_view text) {
  const std::optional<PlainNumber> number = ToPlainNumber(text);
  if (!number || !number->integer) return std::nullopt;
  return FromPlain<int64_t>(number->text);
}

std::optional<double> ParseConfigFloat(std::string_view text) {
  const std::optional<PlainNumber> number = ToPlainNumber(text);
  if (!number) return std::nullopt;
  return FromPlain<double>(number->text);
}

bool IsConfigNumber(std::string_view text) { return ToPlainNumber(text).has_value(); }

bool LooksTyped(std::string_view text) {
  for (const std::string_view word : {"", "~", "null", "true", "false", ".inf", "-.inf", ".nan"}) {
    if (text == word) return true;
  }
  return IsConfigNumber(text);
}

std::string DescribeConfigValue(const ConfigSection::Node& node) {
  using Kind = ConfigSection::Node::Kind;
  switch (node.kind) {
    case Kind::kAbsent:
    case Kind::kNull:
      return "nothing";
    case Kind::kSequence:
      return "a list";
    case Kind::kMapping:
      return "a mapping";
    case Kind::kScalar:
      break;
  }
  if (!node.quoted && LooksTyped(node.text)) return Shortened(node.text);
  return StrCat(node.quoted ? "quoted text " : "", DumpJson(Shortened(node.text)));
}

}  // namespace retort
