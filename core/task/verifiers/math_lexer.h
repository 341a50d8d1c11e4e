// Cuts an answer in TeX or plain notation into tokens. Pure function, linear in the text.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace retort {

enum class MathTokenKind {
  kNumber,    // text: digits with at most one point; thousands separators are gone
  kVariable,  // text: its name, one letter or a Greek one ("alpha"); "e" and "i" too
  kConstant,  // text: "pi" or "inf"
  kFunction,  // text: "sin", "log", ...
  kCommand,   // text: "frac", "sqrt", "binom", "begin:pmatrix", "end:pmatrix", "circ"
  kWords,     // text: lower case, what \text{} holds or a plain word; units are words
  kSymbol     // text: one of + - * / ^ _ = < > , ; : ( ) [ ] { } | ! % & and the names
              // "<=" ">=" "!=" "+-" "-+" "cup" "cap" "in" "\{" "\}" "\\"
};

struct MathToken {
  MathTokenKind kind = MathTokenKind::kSymbol;
  std::string text;
  bool space_before = false;
  bool Is(std::string_view symbol) const {
    return kind == MathTokenKind::kSymbol && text == symbol;
  }
};

inline constexpr size_t kMaxMathTokens = 1000;

/// nullopt for unknown commands or characters and for more than kMaxMathTokens tokens.
std::optional<std::vector<MathToken>> LexMath(std::string_view text);

}  // namespace retort
