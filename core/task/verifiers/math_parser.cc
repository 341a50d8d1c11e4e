// Recursive descent over the tokens of an answer. Loosest first:
//   list      item {("," | ";" | "and" | "or") item}      two items or more: a bare list
//   item      operand {relation operand} [unit]           "x \in S" and "w = v" keep their right
//   side operand   ratio {("cup" | "cap") ratio} ratio     sum {":" sum} sum       [sign] term
//   {("+" | "-" | "+-" | "-+") term} term      factor {["*" | "/"] factor}                 a
//   missing sign multiplies factor    postfix ["^" factor] postfix   primary {"!" | "%" | degree
//   sign}
// A whole number right before a fraction of whole numbers is a mixed number.
#include <algorithm>
#include <utility>

#include "core/base/strings.h"
#include "core/task/verifiers/math_lexer.h"
#include "core/task/verifiers/math_tree.h"

namespace retort {
namespace {

using Kind = MathTokenKind;

/// Nothing could be read: every function returns it at once.
constexpr int kFailed = -1;
/// Characters of a decimal number that may be a rounded root or logarithm.
constexpr size_t kLongDecimal = 10;

struct RelationSign {
  std::string_view symbol;
  std::string_view letter;
};
constexpr RelationSign kRelations[] = {{"=", "="},  {"<", "<"},  {">", ">"}, {"<=", "l"},
                                       {">=", "g"}, {"!=", "n"}, {"in", "i"}};

bool IsWhole(std::string_view digits) { return digits.find('.') == std::string_view::npos; }

class Parser {
 public:
  explicit Parser(std::vector<MathToken> tokens) : tokens_(std::move(tokens)) {}

  std::optional<MathTree> All() {
    tree_.root = List();
    if (tree_.root == kFailed || at_ != tokens_.size()) return std::nullopt;
    return std::move(tree_);
  }

 private:
  bool Done() const { return at_ >= tokens_.size(); }
  bool Sees(std::string_view symbol) const { return !Done() && tokens_[at_].Is(symbol); }
  bool SeesKind(Kind kind) const { return !Done() && tokens_[at_].kind == kind; }
  bool SeesCommand(std::string_view name) const {
    return SeesKind(Kind::kCommand) && tokens_[at_].text == name;
  }
  bool Take(std::string_view symbol) {
    if (!Sees(symbol)) return false;
    ++at_;
    return true;
  }
  MathNode& Node(int node) { return tree_.nodes[static_cast<size_t>(node)]; }

  /// kFailed if a child is, or there are too many nodes.
  int Make(MathKind kind, std::vector<int> children, std::string text = "") {
    if (std::ranges::find(children, kFailed) != children.end()) return kFailed;
    if (tree_.nodes.size() >= kMaxMathNodes) return kFailed;
    bool has_number = kind == MathKind::kNumber || text == "pi";
    bool long_decimal = false;
    for (const int child : children) {
      has_number = has_number || Node(child).has_number;
      long_decimal = long_decimal || Node(child).long_decimal;
    }
    tree_.nodes.push_back({.kind = kind,
                           .text = std::move(text),
                           .children = std::move(children),
                           .unit = "",
                           .has_number = has_number,
                           .long_decimal = long_decimal});
    return static_cast<int>(tree_.nodes.size()) - 1;
  }

  int List() {
    if (++depth_ > kMaxMathDepth) return kFailed;
    std::vector<int> items = {Item()};
    while (items.back() != kFailed && (Take(",") || Take(";"))) {
      while (Take(",")) {
      }
      items.push_back(Item());
    }
    --depth_;
    return items.size() == 1 ? items.front() : Make(MathKind::kList, std::move(items));
  }

  int Item() {
    std::vector<int> operands = {Operand()};
    std::string signs;
    while (operands.back() != kFailed && !Done()) {
      TakeUnit(operands.back());
      const auto* relation = std::ranges::find_if(
          kRelations, [this](const RelationSign& sign) { return Sees(sign.symbol); });
      if (relation == std::end(kRelations)) break;
      ++at_;
      signs += relation->letter;
      operands.push_back(Operand());
    }
    if (operands.back() != kFailed) TakeUnit(operands.back());
    if (operands.size() == 1 || operands.back() == kFailed) return operands.back();
    const bool named = Node(operands.front()).kind == MathKind::kWords;
    if (signs == "i" || (named && signs == "=")) return operands.back();
    return Make(MathKind::kRelation, std::move(operands), signs);
  }

  /// Words behind a scalar, with their powers and quotients: "cm^2", "km/h", "square feet".
  void TakeUnit(int node) {
    if (!Node(node).has_number) return;  // "I do not know"
    while (SeesKind(Kind::kWords) || SeesUnitQuotient(Node(node).unit)) {
      std::string& unit = Node(node).unit;
      unit += unit.empty() || Sees("/") ? "" : " ";
      if (Take("/")) unit += '/';
      unit += tokens_[at_++].text;
      if (!Take("^")) continue;
      while (Take("{")) {
      }
      if (SeesKind(Kind::kNumber)) Node(node).unit += tokens_[at_++].text;
      while (Take("}")) {
      }
    }
  }

  /// "/h" behind "km", or "/" and a word.
  bool SeesUnitQuotient(const std::string& unit) const {
    if (!Sees("/") || at_ + 1 >= tokens_.size()) return false;
    const Kind next = tokens_[at_ + 1].kind;
    return next == Kind::kWords || (next == Kind::kVariable && !unit.empty());
  }

  int Operand() {
    int left = Ratio();
    while (left != kFailed && (Sees("cup") || Sees("cap"))) {
      const std::string sign = tokens_[at_++].text;
      const int right = Ratio();
      left = Make(MathKind::kUnion, {left, right}, sign);
    }
    return left;
  }

  int Ratio() {
    std::vector<int> parts = {Sum()};
    while (parts.back() != kFailed && Take(":")) parts.push_back(Sum());
    return parts.size() == 1 ? parts.front() : Make(MathKind::kRatio, std::move(parts));
  }

  int Sum() {
    if (++depth_ > kMaxMathDepth) return kFailed;
    int left = kFailed;
    if (Take("-")) {
      left = Make(MathKind::kNegate, {Term()});
    } else if (Take("+-")) {
      left = Make(MathKind::kPlusMinus, {Term()});
    } else if (Take("-+")) {
      left = Make(MathKind::kMinusPlus, {Term()});
    } else {
      Take("+");
      left = Term();
    }
    while (left != kFailed && (Sees("+") || Sees("-") || Sees("+-") || Sees("-+"))) {
      const std::string sign = tokens_[at_++].text;
      MathKind kind = sign == "+" ? MathKind::kAdd : MathKind::kSubtract;
      if (sign == "+-") kind = MathKind::kPlusMinus;
      if (sign == "-+") kind = MathKind::kMinusPlus;
      left = Make(kind, {left, Term()});
    }
    --depth_;
    return left;
  }

  int Term() {
    int left = Signed();
    while (left != kFailed && Node(left).kind != MathKind::kWords) {
      if (Take("*")) {
        left = Make(MathKind::kMultiply, {left, Signed()});
      } else if (Sees("/") &&
                 !(at_ + 1 < tokens_.size() && tokens_[at_ + 1].kind == Kind::kWords)) {
        ++at_;
        left = Make(MathKind::kDivide, {left, Signed()});
      } else if (StartsImplicitFactor()) {
        const bool mixed = Node(left).kind == MathKind::kNumber && IsWhole(Node(left).text);
        const size_t before = at_;
        const int right = Factor();
        if (right == kFailed) return kFailed;
        left = Make(mixed && IsPlainFraction(right, before) ? MathKind::kAdd : MathKind::kMultiply,
                    {left, right});
      } else if (SeesKind(Kind::kNumber)) {
        left = Node(left).kind == MathKind::kFactorial ? Make(MathKind::kMultiply, {left, Factor()})
                                                       : MixedNumber(left);
      } else {
        break;
      }
    }
    return left;
  }

  /// A factor that may have a sign of its own: 2 * -3.
  int Signed() {
    if (!Sees("-")) return Factor();
    if (++depth_ > kMaxMathDepth) return kFailed;
    ++at_;
    const int factor = Make(MathKind::kNegate, {Signed()});
    --depth_;
    return factor;
  }

  bool IsPlainFraction(int node, size_t begin) {
    const MathNode& fraction = Node(node);
    return tokens_[begin].kind == Kind::kCommand && fraction.kind == MathKind::kDivide &&
           std::ranges::all_of(fraction.children, [this](int part) {
             return Node(part).kind == MathKind::kNumber && IsWhole(Node(part).text);
           });
  }

  /// "1 1/2": the number at `whole` was read, the fraction follows.
  int MixedNumber(int whole) {
    const bool fits = Node(whole).kind == MathKind::kNumber && IsWhole(Node(whole).text) &&
                      at_ + 2 < tokens_.size() && tokens_[at_ + 1].Is("/") &&
                      tokens_[at_ + 2].kind == Kind::kNumber && tokens_[at_].space_before;
    if (!fits) return kFailed;
    const int top = Number();
    ++at_;
    return Make(MathKind::kAdd, {whole, Make(MathKind::kDivide, {top, Number()})});
  }

  bool StartsImplicitFactor() const {
    if (Done()) return false;
    const MathToken& token = tokens_[at_];
    if (token.kind == Kind::kCommand) return !token.text.starts_with("end:");
    if (token.kind == Kind::kSymbol) return token.text == "(" || token.text == "{";
    return token.kind == Kind::kVariable || token.kind == Kind::kConstant ||
           token.kind == Kind::kFunction;
  }

  int Factor() {
    if (++depth_ > kMaxMathDepth) return kFailed;
    int base = Postfix();
    if (base != kFailed && Take("^")) {
      if (TakeDegree()) {
        AddUnit(base, "degrees");
      } else {
        base = Make(MathKind::kPower, {base, Signed()});
      }
    }
    --depth_;
    return base;
  }

  void AddUnit(int node, std::string_view unit) { Node(node).unit = unit; }

  bool TakeDegree() {
    const bool braced = Sees("{") && at_ + 2 < tokens_.size() && tokens_[at_ + 2].Is("}") &&
                        tokens_[at_ + 1].text == "circ";
    if (!braced && !SeesCommand("circ")) return false;
    at_ += braced ? 3 : 1;
    return true;
  }

  int Postfix() {
    int node = Primary();
    while (node != kFailed) {
      if (Take("!")) {
        node = Make(MathKind::kFactorial, {node});
      } else if (Take("%")) {
        node = Make(MathKind::kPercent, {node});
      } else if (SeesCommand("circ")) {
        ++at_;
        AddUnit(node, "degrees");
      } else {
        break;
      }
    }
    return node;
  }

  int Primary() {
    if (Done()) return kFailed;
    const MathToken& token = tokens_[at_];
    switch (token.kind) {
      case Kind::kNumber:
        return NumberWithBase();
      case Kind::kVariable:
        return Variable();
      case Kind::kConstant:
        ++at_;
        return Make(MathKind::kConstant, {}, token.text);
      case Kind::kFunction:
        return Function();
      case Kind::kCommand:
        return Command();
      case Kind::kWords:
        return Words();
      case Kind::kSymbol:
        return Bracketed();
    }
    return kFailed;
  }

  int Number() {
    const std::string digits = tokens_[at_++].text;
    const int node = Make(MathKind::kNumber, {}, digits);
    if (node != kFailed) {
      Node(node).long_decimal = !IsWhole(digits) && digits.size() >= kLongDecimal;
    }
    return node;
  }

  int NumberWithBase() {
    const int number = Number();
    if (!Take("_")) return number;
    return Make(MathKind::kBased, {number, Argument()});
  }

  int Variable() {
    std::string name = tokens_[at_++].text;
    if (name == "e" || name == "i") return Make(MathKind::kConstant, {}, name);
    if (Take("_")) {
      const bool braced = Take("{");
      name += "_";
      while (!Done() && (SeesKind(Kind::kNumber) || SeesKind(Kind::kVariable))) {
        name += tokens_[at_++].text;
        if (!braced) break;
      }
      if (braced && !Take("}")) return kFailed;
    }
    return Make(MathKind::kVariable, {}, name);
  }

  int Words() {
    std::string words;
    while (SeesKind(Kind::kWords)) {
      words += words.empty() ? "" : " ";
      words += tokens_[at_++].text;
    }
    return Make(MathKind::kWords, {}, words);
  }

  /// `\sin x`, `\sin^2(x)`, `\log_2 8`.
  int Function() {
    const std::string name = tokens_[at_++].text;
    int base = kFailed;
    int power = kFailed;
    const bool based = Take("_");
    if (based) base = Argument();
    const bool powered = Take("^");
    if (powered) power = Argument();
    const bool grouped = Sees("(") || Sees("{");
    int argument = grouped ? Postfix() : Factor();
    while (!grouped && argument != kFailed && StartsImplicitFactor() &&
           !SeesKind(Kind::kFunction)) {
      argument = Make(MathKind::kMultiply, {argument, Factor()});
    }
    const int call = Make(MathKind::kFunction,
                          based ? std::vector{argument, base} : std::vector{argument}, name);
    return powered ? Make(MathKind::kPower, {call, power}) : call;
  }

  int Command() {
    const std::string name = tokens_[at_].text;
    if (name.starts_with("begin:")) return Matrix();
    ++at_;
    if (name == "frac" || name == "binom") {
      const int top = Argument();
      const int bottom = top == kFailed ? kFailed : Argument();
      return Make(name == "frac" ? MathKind::kDivide : MathKind::kBinomial, {top, bottom});
    }
    if (name != "sqrt") return kFailed;
    if (!Take("[")) {
      const int radicand = Sees("(") ? Primary() : Argument();
      return Make(MathKind::kRoot, {radicand, Make(MathKind::kNumber, {}, "2")});
    }
    const int index = Sum();
    if (!Take("]")) return kFailed;
    return Make(MathKind::kRoot, {Argument(), index});
  }

  /// A TeX argument: a group, or the next digit or letter alone.
  int Argument() {
    if (Done()) return kFailed;
    if (!SeesKind(Kind::kNumber) || tokens_[at_].text.size() == 1) return Primary();
    std::string& digits = tokens_[at_].text;
    const int node = Make(MathKind::kNumber, {}, digits.substr(0, 1));
    digits.erase(0, 1);
    return IsWhole(digits) ? node : kFailed;
  }

  int Matrix() {
    const std::string end = "end:" + tokens_[at_++].text.substr(6);
    std::vector<int> rows;
    std::vector<int> cells;
    while (!Done()) {
      if (SeesCommand(end)) {
        ++at_;
        if (!cells.empty()) rows.push_back(Make(MathKind::kList, std::move(cells)));
        return Make(MathKind::kMatrix, std::move(rows));
      }
      cells.push_back(Operand());
      if (cells.back() == kFailed) return kFailed;
      if (Take("&")) continue;
      if (Take("\\\\")) {
        rows.push_back(Make(MathKind::kList, std::move(cells)));
        cells.clear();
      } else if (!SeesCommand(end)) {
        return kFailed;
      }
    }
    return kFailed;
  }

  int Bracketed() {
    const std::string open = tokens_[at_++].text;
    if (open == "|") {
      const int inner = Sum();
      return Take("|") ? Make(MathKind::kAbsolute, {inner}) : kFailed;
    }
    if (open == "\\{" && Take("\\}")) return Make(MathKind::kWords, {}, "empty");
    if (open != "(" && open != "[" && open != "{" && open != "\\{") return kFailed;
    const int inner = List();
    if (inner == kFailed || Done()) return kFailed;
    const std::string close = tokens_[at_++].text;
    const bool is_list = Node(inner).kind == MathKind::kList;
    if (open == "{" || open == "\\{") {
      if (close != (open == "{" ? "}" : "\\}")) return kFailed;
      // "{1, 2}" without backslashes is a set too; a group of one is only a group.
      if (open == "{" && !is_list) return inner;
      return Make(MathKind::kSet, is_list ? Node(inner).children : std::vector{inner});
    }
    if (close != ")" && close != "]") return kFailed;
    if (is_list) return Make(MathKind::kSequence, Node(inner).children, open + close);
    return (open == "(") == (close == ")") ? inner : kFailed;
  }

  std::vector<MathToken> tokens_;
  size_t at_ = 0;
  int depth_ = 0;
  MathTree tree_;
};

}  // namespace

std::optional<MathTree> ParseMath(std::string_view text) {
  std::optional<std::vector<MathToken>> tokens = LexMath(text);
  if (!tokens || tokens->empty()) return std::nullopt;
  return Parser(*std::move(tokens)).All();
}

}  // namespace retort
