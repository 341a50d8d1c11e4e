#include "core/task/verifiers/math_lexer.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "core/base/strings.h"
#include "core/task/verifiers/answer_text.h"

namespace retort {
namespace {

using Kind = MathTokenKind;

struct Meaning {
  std::string_view name;
  Kind kind;
  std::string_view text;
};

/// TeX commands, without the backslash.
constexpr Meaning kCommands[] = {
    {"frac", Kind::kCommand, "frac"},    {"dfrac", Kind::kCommand, "frac"},
    {"tfrac", Kind::kCommand, "frac"},   {"cfrac", Kind::kCommand, "frac"},
    {"sqrt", Kind::kCommand, "sqrt"},    {"binom", Kind::kCommand, "binom"},
    {"dbinom", Kind::kCommand, "binom"}, {"tbinom", Kind::kCommand, "binom"},
    {"circ", Kind::kCommand, "circ"},    {"degree", Kind::kCommand, "circ"},
    {"cdot", Kind::kSymbol, "*"},        {"times", Kind::kSymbol, "*"},
    {"ast", Kind::kSymbol, "*"},         {"div", Kind::kSymbol, "/"},
    {"pm", Kind::kSymbol, "+-"},         {"mp", Kind::kSymbol, "-+"},
    {"le", Kind::kSymbol, "<="},         {"leq", Kind::kSymbol, "<="},
    {"leqslant", Kind::kSymbol, "<="},   {"ge", Kind::kSymbol, ">="},
    {"geq", Kind::kSymbol, ">="},        {"geqslant", Kind::kSymbol, ">="},
    {"lt", Kind::kSymbol, "<"},          {"gt", Kind::kSymbol, ">"},
    {"ne", Kind::kSymbol, "!="},         {"neq", Kind::kSymbol, "!="},
    {"in", Kind::kSymbol, "in"},         {"cup", Kind::kSymbol, "cup"},
    {"cap", Kind::kSymbol, "cap"},       {"infty", Kind::kConstant, "inf"},
    {"pi", Kind::kConstant, "pi"},       {"lbrace", Kind::kSymbol, "\\{"},
    {"rbrace", Kind::kSymbol, "\\}"},    {"vert", Kind::kSymbol, "|"},
    {"lvert", Kind::kSymbol, "|"},       {"rvert", Kind::kSymbol, "|"},
    {"colon", Kind::kSymbol, ":"},       {"exp", Kind::kFunction, "exp"},
    {"log", Kind::kFunction, "log"},     {"ln", Kind::kFunction, "ln"},
    {"sin", Kind::kFunction, "sin"},     {"cos", Kind::kFunction, "cos"},
    {"tan", Kind::kFunction, "tan"},     {"cot", Kind::kFunction, "cot"},
    {"sec", Kind::kFunction, "sec"},     {"csc", Kind::kFunction, "csc"},
    {"arcsin", Kind::kFunction, "asin"}, {"arccos", Kind::kFunction, "acos"},
    {"arctan", Kind::kFunction, "atan"}, {"land", Kind::kSymbol, ","},
    {"lor", Kind::kSymbol, ","},         {"ldots", Kind::kWords, "..."},
    {"dots", Kind::kWords, "..."},       {"cdots", Kind::kWords, "..."},
    {"emptyset", Kind::kWords, "empty"}, {"varnothing", Kind::kWords, "empty"},
};

/// Plain words that are not words.
constexpr Meaning kPlainWords[] = {
    {"pi", Kind::kConstant, "pi"},    {"inf", Kind::kConstant, "inf"},
    {"oo", Kind::kConstant, "inf"},   {"infinity", Kind::kConstant, "inf"},
    {"sqrt", Kind::kCommand, "sqrt"}, {"and", Kind::kSymbol, ","},
    {"or", Kind::kSymbol, ","},       {"union", Kind::kSymbol, "cup"},
    {"sin", Kind::kFunction, "sin"},  {"cos", Kind::kFunction, "cos"},
    {"tan", Kind::kFunction, "tan"},  {"log", Kind::kFunction, "log"},
    {"ln", Kind::kFunction, "ln"},    {"exp", Kind::kFunction, "exp"},
};

/// Characters outside ASCII, as UTF-8.
constexpr Meaning kCharacters[] = {
    {"\xe2\x88\x92", Kind::kSymbol, "-"},   {"\xe2\x80\x93", Kind::kSymbol, "-"},
    {"\xc3\x97", Kind::kSymbol, "*"},       {"\xc2\xb7", Kind::kSymbol, "*"},
    {"\xc3\xb7", Kind::kSymbol, "/"},       {"\xe2\x88\x9a", Kind::kCommand, "sqrt"},
    {"\xcf\x80", Kind::kConstant, "pi"},    {"\xe2\x89\xa4", Kind::kSymbol, "<="},
    {"\xe2\x89\xa5", Kind::kSymbol, ">="},  {"\xe2\x89\xa0", Kind::kSymbol, "!="},
    {"\xc2\xb1", Kind::kSymbol, "+-"},      {"\xe2\x88\x9e", Kind::kConstant, "inf"},
    {"\xc2\xb0", Kind::kCommand, "circ"},   {"\xe2\x88\xaa", Kind::kSymbol, "cup"},
    {"\xe2\x88\xa9", Kind::kSymbol, "cap"}, {"\xe2\x88\x88", Kind::kSymbol, "in"},
    {"\xce\xb8", Kind::kVariable, "theta"}, {"\xce\xb1", Kind::kVariable, "alpha"},
};

constexpr std::string_view kGreek[] = {
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "kappa", "lambda", "mu",
    "nu",    "xi",   "rho",   "sigma", "tau",     "phi",  "chi", "psi",   "omega", "varphi", "ell"};
constexpr std::string_view kSkipped[] = {
    "left",  "right", "big",   "Big",    "bigl",   "bigr", "Bigl", "Bigr",   "displaystyle",
    "boxed", "quad",  "qquad", "limits", "mathbb", "rm",   "bf",   "mathcal"};
constexpr std::string_view kWrappers[] = {"text",   "textbf", "textit", "textrm", "mbox",
                                          "mathrm", "mathbf", "mathit", "mathsf", "operatorname"};
/// Words of two or three letters that are not products of variables.
constexpr std::string_view kShortWords[] = {
    "cm",  "mm",  "km",  "kg",  "mg",  "ml",  "mL",  "ft",  "in",  "mi",  "oz",  "lb",
    "lbs", "hr",  "hrs", "am",  "pm",  "AM",  "PM",  "yd",  "mph", "kph", "min", "sec",
    "day", "no",  "No",  "yes", "Yes", "deg", "rad", "is",  "if",  "of",  "the", "sq",
    "per", "not", "to",  "for", "at",  "red", "NO",  "YES", "odd", "men", "cup", "one",
    "two", "six", "ten", "an",  "as",  "be",  "by",  "it",  "on",  "so",  "we"};

template <typename Range>
bool Contains(const Range& names, std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

template <typename Range>
const Meaning* Find(const Range& meanings, std::string_view name) {
  const auto* found = std::find_if(std::begin(meanings), std::end(meanings),
                                   [&](const Meaning& m) { return m.name == name; });
  return found == std::end(meanings) ? nullptr : found;
}

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  std::optional<std::vector<MathToken>> All() {
    while (at_ < text_.size()) {
      if (!Next() || tokens_.size() > kMaxMathTokens) return std::nullopt;
    }
    return std::move(tokens_);
  }

 private:
  char At(size_t i) const { return i < text_.size() ? text_[i] : '\0'; }

  void Emit(Kind kind, std::string_view text) {
    tokens_.push_back({kind, std::string(text), std::exchange(space_, false)});
  }

  bool Next() {
    const char c = At(at_);
    if (IsAsciiSpace(c) || c == '$' || c == '~') {
      space_ = true;
      ++at_;
      return true;
    }
    if (IsAsciiDigit(c) || (c == '.' && IsAsciiDigit(At(at_ + 1)))) return Number();
    if (c == '\\') return Command();
    if (IsAsciiLetter(c)) return Letters();
    if (static_cast<unsigned char>(c) >= 0x80) return Character();
    return Symbol(c);
  }

  bool Digit3(size_t i) const {
    return IsAsciiDigit(At(i)) && IsAsciiDigit(At(i + 1)) && IsAsciiDigit(At(i + 2)) &&
           !IsAsciiDigit(At(i + 3));
  }

  /// Bytes of a thousands separator at `at_` (0: none). A bare comma is one outside brackets only.
  size_t SeparatorSize() const {
    for (const std::string_view separator : {"{,}", ",\\!", "\\,", "\\!"}) {
      if (text_.substr(at_).starts_with(separator) && Digit3(at_ + separator.size())) {
        return separator.size();
      }
    }
    return At(at_) == ',' && depth_ == 0 && Digit3(at_ + 1) ? 1 : 0;
  }

  bool Number() {
    std::string digits = Digits();
    bool grouped = false;
    while (!digits.empty() && (grouped || digits.size() <= 3)) {
      const size_t separator = SeparatorSize();
      if (separator == 0) break;
      at_ += separator;
      digits += Digits();
      grouped = true;
    }
    if (At(at_) == '.' && IsAsciiDigit(At(at_ + 1))) {
      ++at_;
      digits += '.';
      digits += Digits();
    }
    Emit(Kind::kNumber, digits);
    Scientific();
    return true;
  }

  /// "2e3" as 2 * 10 ^ 3.
  void Scientific() {
    if (At(at_) != 'e' && At(at_) != 'E') return;
    size_t i = at_ + 1;
    const bool negative = At(i) == '-';
    if (At(i) == '-' || At(i) == '+') ++i;
    const size_t begin = i;
    while (IsAsciiDigit(At(i))) ++i;
    if (i == begin || IsAsciiLetter(At(i)) || (begin > at_ + 1 && i - begin > 4)) return;
    at_ = i;
    for (const std::string_view symbol : {"*", "{"}) Emit(Kind::kSymbol, symbol);
    Emit(Kind::kNumber, "10");
    for (const std::string_view symbol : {"^", "{"}) Emit(Kind::kSymbol, symbol);
    if (negative) Emit(Kind::kSymbol, "-");
    Emit(Kind::kNumber, text_.substr(begin, i - begin));
    for (const std::string_view symbol : {"}", "}"}) Emit(Kind::kSymbol, symbol);
  }

  std::string Digits() {
    const size_t begin = at_;
    while (IsAsciiDigit(At(at_))) ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }

  bool Command() {
    size_t end = at_ + 1;
    while (IsAsciiLetter(At(end))) ++end;
    if (end == at_ + 1) return ControlSymbol();
    const std::string_view name = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end;
    if (Contains(kWrappers, name)) return Wrapped();
    if (Contains(kSkipped, name)) {
      if ((name == "left" || name == "right") && At(at_) == '.') ++at_;
      return true;
    }
    if (name == "begin" || name == "end") return Environment(name);
    if (const Meaning* meaning = Find(kCommands, name)) {
      Emit(meaning->kind, meaning->text);
      return true;
    }
    if (!Contains(kGreek, name)) return false;
    Emit(Kind::kVariable, name == "varphi" ? "phi" : name);
    return true;
  }

  bool ControlSymbol() {
    const char c = At(at_ + 1);
    at_ += 2;
    if (c == '{' || c == '}') {
      depth_ += c == '{' ? 1 : -1;
      Emit(Kind::kSymbol, c == '{' ? "\\{" : "\\}");
    } else if (c == '%') {
      Emit(Kind::kSymbol, "%");
    } else if (c == '|') {
      Emit(Kind::kSymbol, "|");
    } else if (c == '\\') {
      Emit(Kind::kSymbol, "\\\\");
    } else {
      space_ = true;
      return std::string_view(" ,;:!$()[]").find(c) != std::string_view::npos;
    }
    return true;
  }

  /// `\text{...}`: its words; numbers and punctuation inside count as they would outside.
  bool Wrapped() {
    while (IsAsciiSpace(At(at_))) ++at_;
    if (At(at_) != '{') return true;
    const size_t close = text_.find('}', at_);
    if (close == std::string_view::npos) return false;
    const std::string_view inner = Trim(text_.substr(at_ + 1, close - at_ - 1));
    at_ = close + 1;
    if (inner.empty()) return true;
    if (!std::any_of(inner.begin(), inner.end(), IsAsciiLetter)) {
      std::optional<std::vector<MathToken>> tokens = Lexer(inner).All();
      if (!tokens) return false;
      std::move(tokens->begin(), tokens->end(), std::back_inserter(tokens_));
      return true;
    }
    if (inner == "and" || inner == "or") {
      Emit(Kind::kSymbol, ",");
    } else {
      Emit(Kind::kWords, NormalizedText(inner));
    }
    return true;
  }

  bool Environment(std::string_view name) {
    const size_t close = text_.find('}', at_);
    if (At(at_) != '{' || close == std::string_view::npos) return false;
    Emit(Kind::kCommand, StrCat(name, ":", text_.substr(at_ + 1, close - at_ - 1)));
    at_ = close + 1;
    depth_ += name == "begin" ? 1 : -1;
    return true;
  }

  /// A word, a function, or letters side by side as a product.
  bool Letters() {
    const size_t begin = at_;
    while (IsAsciiLetter(At(at_))) ++at_;
    const std::string_view word = text_.substr(begin, at_ - begin);
    if (const Meaning* meaning = Find(kPlainWords, word)) {
      Emit(meaning->kind, meaning->text);
    } else if (word.size() == 1 && !IsUnitLetter(word.front())) {
      Emit(Kind::kVariable, word);
    } else if (word.size() == 1 || word.size() > 3 || Contains(kShortWords, word)) {
      std::string lower(word);
      for (char& c : lower) c = AsciiLower(c);
      Emit(Kind::kWords, lower);
    } else {
      for (const char& c : word) Emit(Kind::kVariable, std::string_view(&c, 1));
    }
    return true;
  }

  /// "5 m" at the end of the answer: a unit, where "5m" is a product.
  bool IsUnitLetter(char c) const {
    return space_ && at_ == text_.size() && tokens_.size() == 1 &&
           tokens_.back().kind == Kind::kNumber &&
           std::string_view("mgslLh").find(c) != std::string_view::npos;
  }

  bool Character() {
    size_t end = at_ + 1;
    while ((static_cast<unsigned char>(At(end)) & 0xc0) == 0x80) ++end;
    const std::string_view character = text_.substr(at_, end - at_);
    at_ = end;
    if (character == "\xc2\xa0") {
      space_ = true;
      return true;
    }
    const Meaning* meaning = Find(kCharacters, character);
    if (meaning == nullptr) return false;
    Emit(meaning->kind, meaning->text);
    return true;
  }

  bool Symbol(char c) {
    const std::string_view two = text_.substr(at_, 2);
    for (const auto& [from, to] : {std::pair<std::string_view, std::string_view>{"<=", "<="},
                                   {">=", ">="},
                                   {"!=", "!="},
                                   {"**", "^"},
                                   {"==", "="}}) {
      if (two != from) continue;
      at_ += 2;
      Emit(Kind::kSymbol, to);
      return true;
    }
    if (std::string_view("+-*/^_=<>,;:()[]{}|!%&").find(c) == std::string_view::npos) return false;
    depth_ += c == '(' || c == '[' ? 1 : 0;
    depth_ -= c == ')' || c == ']' ? 1 : 0;
    ++at_;
    Emit(Kind::kSymbol, std::string_view(&c, 1));
    return true;
  }

  std::string_view text_;
  size_t at_ = 0;
  int depth_ = 0;  // of brackets that can hold a list
  bool space_ = false;
  std::vector<MathToken> tokens_;
};

}  // namespace

std::optional<std::vector<MathToken>> LexMath(std::string_view text) { return Lexer(text).All(); }

}  // namespace retort
