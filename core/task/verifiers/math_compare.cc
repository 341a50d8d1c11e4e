#include "core/task/verifiers/math_compare.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <optional>
#include <set>
#include <utility>

#include "core/base/strings.h"
#include "core/task/verifiers/math_value.h"

namespace retort {
namespace {

/// One node of one of the two trees, with the variable it was set equal to ("" for none).
struct Element {
  const MathValues* values = nullptr;
  int node = -1;
  MathSign sign = MathSign::kUpper;
  std::string variable{};

  const MathNode& operator*() const { return values->tree().at(node); }
  Element Child(size_t i) const { return {values, (**this).children[i], sign, ""}; }
  const MathValue& At(int trial) const { return values->At(node, trial, sign); }
  bool HasVariable() const { return values->HasVariable(node); }
};

bool IsLone(const MathNode& node, MathKind kind) { return node.kind == kind; }

/// x, or f(x), which reads as the product of two variables, or (x, y).
std::optional<std::string> NameOf(const Element& element) {
  const MathNode& node = *element;
  if (node.kind == MathKind::kSequence) {
    std::string names;
    for (size_t i = 0; i < node.children.size(); ++i) {
      const MathNode& name = *element.Child(i);
      if (!IsLone(name, MathKind::kVariable)) return std::nullopt;
      names += StrCat(i == 0 ? "" : ",", name.text);
    }
    return names;
  }
  if (IsLone(node, MathKind::kVariable)) return node.text;
  if (node.kind != MathKind::kMultiply) return std::nullopt;
  const MathNode& function = *element.Child(0);
  const MathNode& argument = *element.Child(1);
  if (!IsLone(function, MathKind::kVariable) || !IsLone(argument, MathKind::kVariable) ||
      std::string_view("fgh").find(function.text) == std::string_view::npos) {
    return std::nullopt;
  }
  return StrCat(function.text, "(", argument.text, ")");
}

/// "x = 5" as 5 with its name, "3 + 4 = 7" as 7; other elements as they are.
Element Stripped(const Element& element) {
  const MathNode& node = *element;
  if (node.kind != MathKind::kRelation || node.text.find_first_not_of('=') != std::string::npos) {
    return element;
  }
  Element first = element.Child(0);
  Element last = element.Child(node.children.size() - 1);
  if (const auto name = NameOf(first)) {
    last.variable = *name;
    return last;
  }
  if (first.HasVariable()) return element;
  if (const auto name = NameOf(last)) {
    first.variable = *name;
    return first;
  }
  return last.HasVariable() ? element : last;
}

/// The items of a list, a set, a union or a "+-" expression; the element itself otherwise.
void AppendItems(const Element& whole, std::vector<Element>* items) {
  const Element element = Stripped(whole);
  const MathNode& node = *element;
  const bool is_union = node.kind == MathKind::kUnion && node.text == "cup";
  if (node.kind == MathKind::kList || is_union) {
    for (size_t i = 0; i < node.children.size(); ++i) AppendItems(element.Child(i), items);
  } else if (element.values->HasPlusMinus(element.node)) {
    for (const MathSign sign : {MathSign::kUpper, MathSign::kLower}) {
      items->push_back(element);
      items->back().sign = sign;
    }
  } else {
    items->push_back(element);
  }
}

std::vector<Element> ItemsOf(const Element& whole) {
  std::vector<Element> items;
  const Element element = Stripped(whole);
  const MathNode& node = *element;
  if (node.kind == MathKind::kSet) {
    for (size_t i = 0; i < node.children.size(); ++i) AppendItems(element.Child(i), &items);
  } else {
    AppendItems(element, &items);
  }
  return items;
}

constexpr std::pair<std::string_view, std::string_view> kUnits[] = {
    {"cm", "cm"},         {"centimeter", "cm"}, {"centimetre", "cm"}, {"mm", "mm"},
    {"millimeter", "mm"}, {"km", "km"},         {"kilometer", "km"},  {"kilometre", "km"},
    {"m", "m"},           {"meter", "m"},       {"metre", "m"},       {"inch", "in"},
    {"inche", "in"},      {"in", "in"},         {"ft", "ft"},         {"foot", "ft"},
    {"feet", "ft"},       {"yard", "yd"},       {"yd", "yd"},         {"mile", "mi"},
    {"mi", "mi"},         {"g", "g"},           {"gram", "g"},        {"kg", "kg"},
    {"kilogram", "kg"},   {"mg", "mg"},         {"lb", "lb"},         {"pound", "lb"},
    {"oz", "oz"},         {"ounce", "oz"},      {"second", "s"},      {"sec", "s"},
    {"s", "s"},           {"minute", "min"},    {"min", "min"},       {"hour", "h"},
    {"hr", "h"},          {"h", "h"},           {"day", "day"},       {"week", "week"},
    {"month", "month"},   {"year", "year"},     {"dollar", "dollar"}, {"cent", "cent"},
    {"degree", "deg"},    {"deg", "deg"},       {"rad", "rad"},       {"radian", "rad"},
    {"am", "am"},         {"pm", "pm"},         {"l", "l"},           {"liter", "l"},
    {"litre", "l"},       {"ml", "ml"},         {"milliliter", "ml"}, {"mph", "mi/h"},
    {"kph", "km/h"},
};

/// What a unit measures in, without its power: "square feet" and "ft^2" are both "ft". "" for a
/// unit that is not in the table.
std::string_view UnitClass(std::string_view unit) {
  for (const std::string_view prefix : {"square ", "sq ", "cubic "}) {
    if (unit.starts_with(prefix)) unit.remove_prefix(prefix.size());
  }
  while (!unit.empty() && unit.back() >= '0' && unit.back() <= '9') unit.remove_suffix(1);
  for (const bool plural : {false, true}) {
    if (plural && !unit.ends_with('s')) break;
    if (plural) unit.remove_suffix(1);
    const auto* found =
        std::ranges::find(kUnits, unit, &std::pair<std::string_view, std::string_view>::first);
    if (found != std::end(kUnits)) return found->second;
  }
  return "";
}

bool UnitsConflict(std::string_view gold, std::string_view given) {
  const std::string_view a = UnitClass(gold);
  const std::string_view b = UnitClass(given);
  return !a.empty() && !b.empty() && a != b;
}

/// An end of an interval: a scalar, or infinite.
struct Bound {
  int infinite = 0;  // -1, +1; 0: `at` holds
  Element at{};
  bool closed = false;
};

struct Interval {
  Bound low;
  Bound high;
};

int InfiniteSign(const Element& element) {
  const MathNode& node = *element;
  if (node.kind == MathKind::kConstant && node.text == "inf") return 1;
  return node.kind == MathKind::kNegate ? -InfiniteSign(element.Child(0)) : 0;
}

Bound MakeBound(const Element& element, bool closed) {
  const int infinite = InfiniteSign(element);
  return {.infinite = infinite, .at = element, .closed = closed && infinite == 0};
}

/// x < 5, 5 > x, 1 < x <= 3, with one lone variable; nullopt for other relations.
std::optional<Interval> IntervalOfRelation(const Element& relation) {
  const MathNode& node = *relation;
  const size_t size = node.children.size();
  if (size > 3 || node.text.find_first_not_of("<>lg") != std::string::npos) return std::nullopt;
  const bool up = node.text[0] == '<' || node.text[0] == 'l';
  Interval interval{.low = {.infinite = -1}, .high = {.infinite = 1}};
  const auto set = [&](bool low, const Element& end, char sign) {
    (low ? interval.low : interval.high) = MakeBound(end, sign == 'l' || sign == 'g');
  };
  if (size == 2) {
    const bool variable_first = IsLone(*relation.Child(0), MathKind::kVariable);
    const Element& end = relation.Child(variable_first ? 1 : 0);
    if ((!variable_first && !IsLone(*relation.Child(1), MathKind::kVariable)) ||
        end.HasVariable()) {
      return std::nullopt;
    }
    set(variable_first != up, end, node.text[0]);
    return interval;
  }
  const bool same_way = up == (node.text[1] == '<' || node.text[1] == 'l');
  if (!same_way || !IsLone(*relation.Child(1), MathKind::kVariable)) return std::nullopt;
  set(up, relation.Child(0), node.text[0]);
  set(!up, relation.Child(2), node.text[1]);
  return interval;
}

std::optional<Interval> IntervalOf(const Element& element) {
  const MathNode& node = *element;
  if (node.kind == MathKind::kRelation) return IntervalOfRelation(element);
  if (node.kind != MathKind::kSequence || node.children.size() != 2) return std::nullopt;
  return Interval{.low = MakeBound(element.Child(0), node.text[0] == '['),
                  .high = MakeBound(element.Child(1), node.text[1] == ']')};
}

class Comparison {
 public:
  explicit Comparison(double tolerance) : tolerance_(tolerance) {}

  /// Every gold item has exactly one partner; repeats count once.
  bool SameItems(std::vector<Element> gold, std::vector<Element> given) const {
    if (gold.size() > kMaxMathItems || given.size() > kMaxMathItems) return false;
    RemoveRepeats(&gold);
    RemoveRepeats(&given);
    if (gold.size() != given.size()) return false;
    const bool named = Names(gold) > 1 || Names(given) > 1;
    for (const Element& item : gold) {
      const auto partner = std::ranges::find_if(given, [&](const Element& other) {
        return (!named || item.variable == other.variable) && Same(item, other);
      });
      if (partner == given.end()) return false;
      given.erase(partner);
    }
    return true;
  }

 private:
  static size_t Names(const std::vector<Element>& items) {
    std::set<std::string> names;
    for (const Element& item : items) {
      if (!item.variable.empty()) names.insert(item.variable);
    }
    return names.size();
  }

  void RemoveRepeats(std::vector<Element>* items) const {
    std::vector<Element> kept;
    for (const Element& item : *items) {
      const bool repeat = std::ranges::any_of(kept, [&](const Element& other) {
        return item.variable == other.variable && Same(item, other);
      });
      if (!repeat) kept.push_back(item);
    }
    *items = std::move(kept);
  }

  bool Same(const Element& gold, const Element& given) const {
    if (!gold.variable.empty() && !given.variable.empty() && gold.variable != given.variable) {
      return false;
    }
    const MathNode& a = *gold;
    const MathNode& b = *given;
    if (UnitsConflict(a.unit, b.unit)) return false;
    const std::optional<Interval> interval = IntervalOf(gold);
    if (a.kind == MathKind::kRelation || b.kind == MathKind::kRelation) {
      const std::optional<Interval> other = IntervalOf(given);
      if (interval && other) return SameInterval(*interval, *other);
    }
    if (a.kind < MathKind::kList && b.kind < MathKind::kList) return SameScalar(gold, given);
    if (a.kind != b.kind) return false;
    if (a.kind == MathKind::kSet) return SameItems(ItemsOf(gold), ItemsOf(given));
    if (a.kind == MathKind::kRelation) return SameRelation(gold, given);
    if (a.kind == MathKind::kSequence && interval && SameInfinite(*interval, *IntervalOf(given))) {
      return true;
    }
    return a.text == b.text && SameChildren(gold, given);
  }

  bool SameChildren(const Element& gold, const Element& given) const {
    const size_t size = (*gold).children.size();
    if ((*given).children.size() != size) return false;
    for (size_t i = 0; i < size; ++i) {
      if (!Same(Stripped(gold.Child(i)), Stripped(given.Child(i)))) return false;
    }
    return true;
  }

  bool SameBound(const Bound& gold, const Bound& given) const {
    if (gold.infinite != given.infinite) return false;
    return gold.infinite != 0 || (gold.closed == given.closed && SameScalar(gold.at, given.at));
  }

  bool SameInterval(const Interval& gold, const Interval& given) const {
    return SameBound(gold.low, given.low) && SameBound(gold.high, given.high);
  }

  /// Intervals with an infinite end: the bracket there does not matter.
  bool SameInfinite(const Interval& gold, const Interval& given) const {
    return (gold.low.infinite != 0 || gold.high.infinite != 0) && SameInterval(gold, given);
  }

  /// Equations whose sides differ by the same expression up to a factor; else the same operands
  /// under the same signs.
  bool SameRelation(const Element& gold, const Element& given) const {
    const MathNode& a = *gold;
    const MathNode& b = *given;
    if (a.text != "=" || b.text != "=") return a.text == b.text && SameChildren(gold, given);
    std::vector<std::pair<MathValue, MathValue>> differences;
    for (int trial = 0; trial < kMathTrials; ++trial) {
      differences.emplace_back(Difference(gold.Child(0).At(trial), gold.Child(1).At(trial)),
                               Difference(given.Child(0).At(trial), given.Child(1).At(trial)));
      if (IsZero(differences.back().first) || IsZero(differences.back().second)) return false;
    }
    for (const auto& [x, y] : differences) {
      if (!SameRatio(differences[0].first, x, differences[0].second, y)) return false;
    }
    return true;
  }

  /// A percent sign on one side alone: see core/task/verifiers/math.cc.
  bool SameScalar(const Element& gold, const Element& given) const {
    const MathNode& a = *gold;
    const MathNode& b = *given;
    if (a.kind == MathKind::kBased || b.kind == MathKind::kBased) {
      return a.kind == b.kind && (*gold.Child(0)).text == (*given.Child(0)).text &&
             SameNumber(gold.Child(1), given.Child(1));
    }
    if (InfiniteSign(gold) != 0 || InfiniteSign(given) != 0) {
      return InfiniteSign(gold) == InfiniteSign(given);
    }
    if (SameNumber(gold, given)) return true;
    const bool gold_percent = a.kind == MathKind::kPercent;
    const bool given_percent = b.kind == MathKind::kPercent;
    if (gold_percent == given_percent) return false;
    if (gold_percent) return SameNumber(gold.Child(0), given);
    return std::abs(gold.At(0).approximate) > 1 && SameNumber(gold, given.Child(0));
  }

  bool SameNumber(const Element& gold, const Element& given) const {
    const bool guarded = (*gold).long_decimal != (*given).long_decimal;
    bool same = true;
    for (int trial = 0; trial < kMathTrials && same; ++trial) {
      const MathValue& a = gold.At(trial);
      const MathValue& b = given.At(trial);
      same = SameValue(a, b) && !(guarded && a.exact != b.exact);
    }
    return same || (tolerance_ > 0 && NearNumber(gold, given));
  }

  bool NearNumber(const Element& gold, const Element& given) const {
    if (gold.HasVariable() || given.HasVariable()) return false;
    const MathValue& a = gold.At(0);
    const MathValue& b = given.At(0);
    if (!a.defined || !b.defined) return false;
    const long double distance = std::abs(a.approximate - b.approximate);
    return distance <= static_cast<long double>(tolerance_) * std::abs(a.approximate);
  }

  double tolerance_;
};

}  // namespace

bool SameMath(const MathTree& gold, const MathTree& given, double tolerance) {
  const MathValues gold_values(gold);
  const MathValues given_values(given);
  return Comparison(tolerance).SameItems(ItemsOf({&gold_values, gold.root}),
                                         ItemsOf({&given_values, given.root}));
}

}  // namespace retort
