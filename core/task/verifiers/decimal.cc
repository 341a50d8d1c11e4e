#include "core/task/verifiers/decimal.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <utility>

#include "core/task/verifiers/answer_text.h"

namespace retort {
namespace {

constexpr auto kNpos = std::string_view::npos;

void ReplaceAll(std::string* text, std::string_view from, std::string_view to) {
  std::string out;
  size_t begin = 0;
  for (size_t at = text->find(from); at != kNpos; at = text->find(from, begin)) {
    out.append(*text, begin, at - begin).append(to);
    begin = at + from.size();
  }
  *text = out.append(*text, begin);
}

/// TeX and typography as plain ASCII. Longer patterns come before their beginnings.
std::string PlainNumbers(std::string_view text) {
  static constexpr std::pair<std::string_view, std::string_view> kReplacements[] = {
      {"\\dfrac", "\\frac"}, {"\\tfrac", "\\frac"},
      {"\\left", ""},        {"\\right", ""},
      {"{,}", ","},          {"\\,", ""},
      {"\\!", ""},           {"\\;", " "},
      {"\\ ", " "},          {"~", " "},
      {"\\$", ""},           {"$", ""},
      {"\\%", "%"},          {"\xe2\x88\x92", "-"},
      {"\xc2\xa3", ""},      {"\xe2\x82\xac", ""},
      {"\xc2\xa5", ""},      {"\xc2\xa0", " "},
      {"\\times", "*"},      {"\\cdot", "*"},
      {"\xc3\x97", "*"},     {"\xe2\x80\xaf", ""},
      {"\xe2\x81\x84", "/"},
  };
  std::string plain(text);
  for (const auto& [from, to] : kReplacements) ReplaceAll(&plain, from, to);
  return plain;
}

std::string WithoutLeadingZeros(const std::string& digits) {
  const size_t first = digits.find_first_not_of('0');
  return first == std::string::npos ? "0" : digits.substr(first);
}

/// Schoolbook product of two digit strings.
std::string Multiply(const std::string& a, const std::string& b) {
  std::vector<int> cells(a.size() + b.size(), 0);
  for (size_t i = a.size(); i-- > 0;) {
    for (size_t j = b.size(); j-- > 0;) {
      const int sum = cells[i + j + 1] + (a[i] - '0') * (b[j] - '0');
      cells[i + j + 1] = sum % 10;
      cells[i + j] += sum / 10;
    }
  }
  std::string product;
  for (const int cell : cells) product += static_cast<char>('0' + cell);
  return WithoutLeadingZeros(product);
}

std::string Add(std::string a, std::string b) {
  const size_t size = std::max(a.size(), b.size()) + 1;
  a.insert(0, size - a.size(), '0');
  b.insert(0, size - b.size(), '0');
  int carry = 0;
  for (size_t i = size; i-- > 0;) {
    const int sum = (a[i] - '0') + (b[i] - '0') + carry;
    a[i] = static_cast<char>('0' + sum % 10);
    carry = sum / 10;
  }
  return WithoutLeadingZeros(a);
}

/// Reads numbers from plain text, left to right.
class Scanner {
 public:
  explicit Scanner(std::string text) : text_(std::move(text)) {}

  std::vector<Decimal> All() {
    std::vector<Decimal> numbers;
    while (at_ < text_.size()) {
      if (!StartsNumber()) {
        ++at_;
        continue;
      }
      const bool negative = TakeSign();
      std::optional<Decimal> number = Number();
      if (number) {
        number->negative = negative;
        numbers.push_back(*std::move(number));
      }
    }
    return numbers;
  }

  bool too_long() const { return too_long_; }

 private:
  char At(size_t i) const { return i < text_.size() ? text_[i] : '\0'; }
  bool StartsUnsigned(size_t i) const {
    return IsAsciiDigit(At(i)) || (At(i) == '.' && IsAsciiDigit(At(i + 1))) ||
           text_.compare(i, 6, "\\frac{") == 0 ||
           (text_.compare(i, 5, "\\frac") == 0 && IsAsciiDigit(At(i + 5)));
  }

  bool StartsNumber() {
    if (!StartsUnsigned(at_)) return false;
    const char before = at_ == 0 ? ' ' : text_[at_ - 1];
    const bool glued = IsAsciiLetter(before) || before == '_' || before == '^';
    if (glued && At(at_) != '\\') SkipGlued();
    return !glued || At(at_) == '\\';
  }

  void SkipGlued() {
    while (IsAsciiDigit(At(at_ + 1)) || At(at_ + 1) == '.') ++at_;
  }

  /// A minus sign just before, unless something stands before it that it could be subtracted from.
  bool TakeSign() const {
    if (at_ == 0) return false;
    size_t sign = at_ - 1;
    if (text_[sign] == ' ' && sign > 0 && text_[sign - 1] == '-') --sign;
    if (text_[sign] != '-') return false;
    while (sign > 0 && text_[sign - 1] == ' ') --sign;
    const char before = sign == 0 ? '=' : text_[sign - 1];
    const bool spaced = sign > 0 && text_[sign] == ' ';
    if (IsAsciiDigit(before) || before == ')' || before == '}') return false;
    return spaced || !IsAsciiLetter(before);
  }

  std::optional<Decimal> Number() {
    Decimal number;
    if (At(at_) == '\\') {
      if (!Fraction(&number)) return std::nullopt;
    } else {
      Unsigned(&number);
      Tail(&number);
    }
    size_t i = at_;
    while (At(i) == ' ') ++i;
    if (At(i) == '%' || text_.compare(i, 7, "percent") == 0) {
      number.percent = true;
      at_ = i + 1;
    }
    if (number.numerator.size() > kMaxDecimalDigits ||
        number.denominator.size() > kMaxDecimalDigits) {
      too_long_ = true;
      return std::nullopt;
    }
    if (number.denominator == "0") return std::nullopt;
    return number;
  }

  std::string Digits() {
    const size_t begin = at_;
    while (IsAsciiDigit(At(at_))) ++at_;
    return text_.substr(begin, at_ - begin);
  }

  bool GroupFollows() const {
    return At(at_) == ',' && IsAsciiDigit(At(at_ + 1)) && IsAsciiDigit(At(at_ + 2)) &&
           IsAsciiDigit(At(at_ + 3)) && !IsAsciiDigit(At(at_ + 4));
  }

  /// Digits with thousands commas, a decimal part and an exponent.
  void Unsigned(Decimal* number) {
    std::string digits = Digits();
    const bool may_group = !digits.empty() && digits.size() <= 3;
    while (may_group && GroupFollows()) {
      ++at_;
      digits += Digits();
    }
    size_t decimals = 0;
    if (At(at_) == '.' && IsAsciiDigit(At(at_ + 1))) {
      ++at_;
      const std::string part = Digits();
      decimals = part.size();
      digits += part;
    }
    const int exponent = Exponent();
    const auto shift = static_cast<int64_t>(exponent) - static_cast<int64_t>(decimals);
    number->numerator = WithoutLeadingZeros(digits);
    std::string& longer = shift >= 0 ? number->numerator : number->denominator;
    longer.append(static_cast<size_t>(shift >= 0 ? shift : -shift), '0');
    number->numerator = WithoutLeadingZeros(number->numerator);
  }

  /// "e5", "* 10^5" or "* 10^{-5}"; 0 if there is none.
  int Exponent() {
    size_t i = at_;
    if (At(i) == 'e' || At(i) == 'E') {
      ++i;
    } else {
      while (At(i) == ' ') ++i;
      if (At(i) != '*' && At(i) != 'x') return 0;
      ++i;
      while (At(i) == ' ') ++i;
      if (text_.compare(i, 3, "10^") != 0) return 0;
      i += 3;
      if (At(i) == '{') ++i;
    }
    const bool negative = At(i) == '-';
    if (At(i) == '-' || At(i) == '+') ++i;
    if (!IsAsciiDigit(At(i))) return 0;
    int exponent = 0;
    for (; IsAsciiDigit(At(i)); ++i) exponent = std::min(100000, exponent * 10 + (At(i) - '0'));
    if (At(i) == '}') ++i;
    at_ = i;
    if (exponent > static_cast<int>(kMaxDecimalDigits)) too_long_ = true;
    exponent = std::min(exponent, static_cast<int>(kMaxDecimalDigits) + 1);
    return negative ? -exponent : exponent;
  }

  /// "/4" behind a number, or " 1/2" and "\frac{1}{2}" behind an integer.
  void Tail(Decimal* number) {
    size_t i = at_;
    if (At(i) == '/' && IsAsciiDigit(At(i + 1))) {
      ++at_;
      Decimal divisor;
      Unsigned(&divisor);
      number->numerator = Multiply(number->numerator, divisor.denominator);
      number->denominator = Multiply(number->denominator, divisor.numerator);
      return;
    }
    if (number->denominator != "1") return;
    while (At(i) == ' ') ++i;
    const bool plain = i > at_ && PlainFractionAt(i);
    if (!plain && (At(i) != '\\' || !StartsUnsigned(i))) return;
    const size_t before = std::exchange(at_, i);
    Decimal part;
    if (plain) {
      part.numerator = WithoutLeadingZeros(Digits());
      ++at_;
      part.denominator = WithoutLeadingZeros(Digits());
    } else if (!Fraction(&part)) {
      at_ = before;
      return;
    }
    number->numerator = Add(Multiply(number->numerator, part.denominator), part.numerator);
    number->denominator = part.denominator;
  }

  bool PlainFractionAt(size_t i) const {
    const size_t begin = i;
    while (IsAsciiDigit(At(i))) ++i;
    return i > begin && At(i) == '/' && IsAsciiDigit(At(i + 1));
  }

  /// \frac{a}{b} or \frac12 with plain digits; otherwise skips the word and returns false.
  bool Fraction(Decimal* number) {
    at_ += 5;
    const std::optional<std::string> top = FractionPart();
    const std::optional<std::string> bottom = top ? FractionPart() : std::nullopt;
    if (!bottom) return false;
    number->numerator = WithoutLeadingZeros(*top);
    number->denominator = WithoutLeadingZeros(*bottom);
    return true;
  }

  std::optional<std::string> FractionPart() {
    if (IsAsciiDigit(At(at_))) return std::string(1, text_[at_++]);
    if (At(at_) != '{') return std::nullopt;
    ++at_;
    std::string digits = Digits();
    if (digits.empty() || At(at_) != '}') return std::nullopt;
    ++at_;
    return digits;
  }

  std::string text_;
  size_t at_ = 0;
  bool too_long_ = false;
};

}  // namespace

std::vector<Decimal> FindDecimals(std::string_view text, bool* too_long) {
  Scanner scanner(PlainNumbers(text));
  std::vector<Decimal> numbers = scanner.All();
  *too_long = scanner.too_long();
  return numbers;
}

bool SameDigits(const Decimal& a, const Decimal& b) {
  const std::string left = Multiply(a.numerator, b.denominator);
  return left == Multiply(b.numerator, a.denominator) && (a.negative == b.negative || left == "0");
}

double ToDouble(const Decimal& number) {
  const double value = std::strtod(number.numerator.c_str(), nullptr) /
                       std::strtod(number.denominator.c_str(), nullptr);
  return number.negative ? -value : value;
}

Decimal Hundredth(Decimal number) {
  number.denominator += "00";
  number.percent = false;
  return number;
}

}  // namespace retort
