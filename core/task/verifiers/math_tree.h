// An answer as a tree: numbers, expressions, lists, sets, tuples, intervals, unions, relations,
// matrices, words. Nodes stand in one array, children before their parent. Plain values.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace retort {

enum class MathKind {
  // Scalars.
  kNumber,    // text: digits with at most one point
  kVariable,  // text: its name
  kConstant,  // text: "pi", "e", "i" or "inf"
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kPower,
  kNegate,
  kRoot,      // radicand, index
  kFunction,  // text: its name; argument, and the base of a logarithm
  kFactorial,
  kAbsolute,
  kBinomial,
  kPlusMinus,  // a +- b, with a left out: +- b
  kMinusPlus,
  kPercent,
  kBased,  // a number in the base that its subscript names: 101_2
  // Structures.
  kList,      // bare, of two items or more: 1, 2
  kSet,       // in braces
  kSequence,  // text: its brackets, "()", "(]", ...: a tuple or an interval
  kUnion,     // text: "cup" or "cap"
  kRelation,  // text: its signs, one character each (= < > l g n); operands
  kRatio,     // 3 : 4
  kMatrix,    // rows, each a kList of cells
  kWords      // text
};

struct MathNode {
  MathKind kind = MathKind::kWords;
  std::string text;
  std::vector<int> children;
  std::string unit;           // words behind a scalar, "" for none
  bool has_number = false;    // holds digits or pi: only then can words behind it be a unit
  bool long_decimal = false;  // holds a decimal number long enough to be a rounded root
};

struct MathTree {
  std::vector<MathNode> nodes;
  int root = -1;
  const MathNode& at(int node) const { return nodes[static_cast<size_t>(node)]; }
};

inline constexpr size_t kMaxMathNodes = 2000;
inline constexpr int kMaxMathDepth = 90;

/// The answer `text` as a tree; nullopt where the grammar (core/task/verifiers/math_parser.cc) or a
/// limit on tokens, nodes or depth does not allow it.
std::optional<MathTree> ParseMath(std::string_view text);

}  // namespace retort
