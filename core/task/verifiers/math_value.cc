#include "core/task/verifiers/math_value.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>
#include <string>

#include "core/base/rng.h"

namespace retort {
namespace {

__extension__ typedef unsigned __int128 Uint128;
using Complex = std::complex<long double>;

/// The two largest primes below 2^61 that are 1 modulo 4, so that -1 has a square root.
constexpr std::array<uint64_t, 2> kPrimes = {2305843009213693921U, 2305843009213693693U};
constexpr std::array<uint64_t, 2> kRootsOfMinusOne = {583529827753931384U, 966685122347009555U};
/// Largest whole exponent of an exact power, and largest factorial.
constexpr int64_t kMaxExponent = int64_t{1} << 60;
constexpr int64_t kMaxFactorial = 5000;
/// Two inexact values are equal within this, relative to the larger one; long double keeps 1e-19.
constexpr long double kRelativeError = 1e-13L;

uint64_t MultiplyMod(uint64_t a, uint64_t b, size_t k) {
  return static_cast<uint64_t>(Uint128{a} * b % kPrimes[k]);
}

uint64_t PowerMod(uint64_t base, uint64_t exponent, size_t k) {
  uint64_t result = 1;
  for (; exponent > 0; exponent >>= 1) {
    if ((exponent & 1) != 0) result = MultiplyMod(result, base, k);
    base = MultiplyMod(base, base, k);
  }
  return result;
}

bool IsFinite(const Complex& z) { return std::isfinite(z.real()) && std::isfinite(z.imag()); }

std::optional<SmallRational> MakeRational(int64_t numerator, int64_t denominator) {
  constexpr int64_t kLeast = std::numeric_limits<int64_t>::min();
  if (denominator == 0 || denominator == kLeast || numerator == kLeast) return std::nullopt;
  const int64_t divisor = std::gcd(numerator, denominator) * (denominator < 0 ? -1 : 1);
  return SmallRational{numerator / divisor, denominator / divisor};
}

std::optional<int64_t> Product(int64_t a, int64_t b) {
  int64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
  return product;
}

std::optional<SmallRational> MultiplySmall(const std::optional<SmallRational>& a,
                                           const std::optional<SmallRational>& b) {
  if (!a || !b) return std::nullopt;
  const auto numerator = Product(a->numerator, b->numerator);
  const auto denominator = Product(a->denominator, b->denominator);
  if (!numerator || !denominator) return std::nullopt;
  return MakeRational(*numerator, *denominator);
}

std::optional<SmallRational> AddSmall(const std::optional<SmallRational>& a,
                                      const std::optional<SmallRational>& b) {
  if (!a || !b) return std::nullopt;
  const auto left = Product(a->numerator, b->denominator);
  const auto right = Product(b->numerator, a->denominator);
  const auto denominator = Product(a->denominator, b->denominator);
  int64_t sum = 0;
  if (!left || !right || !denominator || __builtin_add_overflow(*left, *right, &sum)) {
    return std::nullopt;
  }
  return MakeRational(sum, *denominator);
}

std::optional<int64_t> WholeOf(const MathValue& value) {
  if (!value.rational || value.rational->denominator != 1) return std::nullopt;
  return value.rational->numerator;
}

MathValue FromInteger(int64_t integer) {
  MathValue value{.defined = true, .exact = true, .rational = SmallRational{integer, 1}};
  for (size_t k = 0; k < kPrimes.size(); ++k) {
    const auto magnitude = static_cast<uint64_t>(integer < 0 ? -integer : integer) % kPrimes[k];
    value.residue[k] = integer < 0 && magnitude > 0 ? kPrimes[k] - magnitude : magnitude;
  }
  value.approximate = static_cast<long double>(integer);
  return value;
}

MathValue Inexact(const Complex& approximate) {
  return {.defined = IsFinite(approximate), .approximate = approximate};
}

MathValue Add(const MathValue& a, const MathValue& b) {
  MathValue sum{.defined = a.defined && b.defined, .exact = a.exact && b.exact};
  for (size_t k = 0; k < kPrimes.size(); ++k) {
    sum.residue[k] = (a.residue[k] + b.residue[k]) % kPrimes[k];
  }
  sum.approximate = a.approximate + b.approximate;
  sum.rational = AddSmall(a.rational, b.rational);
  return sum;
}

MathValue Multiply(const MathValue& a, const MathValue& b) {
  MathValue product{.defined = a.defined && b.defined, .exact = a.exact && b.exact};
  for (size_t k = 0; k < kPrimes.size(); ++k) {
    product.residue[k] = MultiplyMod(a.residue[k], b.residue[k], k);
  }
  product.approximate = a.approximate * b.approximate;
  product.rational = MultiplySmall(a.rational, b.rational);
  return product;
}

MathValue Negate(const MathValue& a) { return Multiply(FromInteger(-1), a); }

MathValue Invert(const MathValue& a) {
  if (!a.defined || IsZero(a)) return {};
  MathValue inverse{.defined = true, .exact = a.exact};
  for (size_t k = 0; k < kPrimes.size(); ++k) {
    inverse.residue[k] = PowerMod(a.residue[k], kPrimes[k] - 2, k);
  }
  inverse.approximate = IsFinite(a.approximate) ? Complex(1) / a.approximate : Complex(0);
  if (a.rational) inverse.rational = MakeRational(a.rational->denominator, a.rational->numerator);
  return inverse;
}

std::optional<SmallRational> PowerSmall(const std::optional<SmallRational>& base,
                                        int64_t exponent) {
  if (!base || exponent > 64) return std::nullopt;
  std::optional<SmallRational> result = SmallRational{1, 1};
  for (int64_t i = 0; i < exponent; ++i) result = MultiplySmall(result, base);
  return result;
}

/// A whole power with a non-negative exponent.
MathValue WholePower(const MathValue& base, int64_t exponent) {
  MathValue power{.defined = base.defined, .exact = base.exact};
  for (size_t k = 0; k < kPrimes.size(); ++k) {
    power.residue[k] = PowerMod(base.residue[k], static_cast<uint64_t>(exponent), k);
  }
  power.approximate = 1;
  Complex factor = base.approximate;
  for (int64_t rest = exponent; rest > 0; rest >>= 1) {
    if ((rest & 1) != 0) power.approximate *= factor;
    factor *= factor;
  }
  power.rational = PowerSmall(base.rational, exponent);
  power.defined = power.defined && (power.exact || IsFinite(power.approximate));
  return power;
}

MathValue Power(const MathValue& base, const MathValue& exponent) {
  if (!base.defined || !exponent.defined) return {};
  const std::optional<int64_t> whole = WholeOf(exponent);
  if (whole && std::abs(*whole) <= kMaxExponent) {
    const MathValue power = WholePower(base, std::abs(*whole));
    return *whole < 0 ? Invert(power) : power;
  }
  if (exponent.exact && exponent.approximate.imag() == 0 &&
      std::abs(exponent.approximate.real()) > static_cast<long double>(kMaxExponent)) {
    return {};
  }
  return Inexact(std::pow(base.approximate, exponent.approximate));
}

/// root * root * ... == value, for whole numbers; nullopt if there is none.
std::optional<int64_t> WholeRoot(int64_t value, int64_t index) {
  if (value < 0) return std::nullopt;
  const auto guess = static_cast<int64_t>(
      std::llround(std::pow(static_cast<long double>(value), 1 / static_cast<long double>(index))));
  int64_t power = 1;
  for (int64_t i = 0; i < index; ++i) {
    if (__builtin_mul_overflow(power, guess, &power)) return std::nullopt;
  }
  return power == value ? std::optional(guess) : std::nullopt;
}

MathValue Root(const MathValue& radicand, const MathValue& index) {
  const std::optional<int64_t> n = WholeOf(index);
  if (!radicand.defined || !n || *n < 1 || *n > 60) return {};
  if (radicand.rational) {
    const bool negative = radicand.rational->numerator < 0;
    const auto top = WholeRoot(std::abs(radicand.rational->numerator), *n);
    const auto bottom = WholeRoot(radicand.rational->denominator, *n);
    if (top && bottom && (!negative || *n % 2 == 1)) {
      const MathValue root = Multiply(FromInteger(*top), Invert(FromInteger(*bottom)));
      return negative ? Negate(root) : root;
    }
  }
  const Complex z = radicand.approximate;
  if (*n == 2) return Inexact(std::sqrt(z));
  const long double power = 1 / static_cast<long double>(*n);
  if (z.imag() == 0 && z.real() < 0 && *n % 2 == 1) return Inexact(-std::pow(-z.real(), power));
  return Inexact(std::pow(z, power));
}

MathValue Function(const std::string& name, const MathValue& argument, const MathValue* base) {
  if (!argument.defined || (base != nullptr && !base->defined)) return {};
  const Complex z = argument.approximate;
  if (name == "log" || name == "ln") {
    if (z == Complex(0)) return {};
    const Complex divisor =
        base != nullptr ? std::log(base->approximate) : Complex(name == "ln" ? 1 : std::log(10.0L));
    return Inexact(std::log(z) / divisor);
  }
  if (name == "exp") return Inexact(std::exp(z));
  if (name == "sin") return Inexact(std::sin(z));
  if (name == "cos") return Inexact(std::cos(z));
  if (name == "tan") return Inexact(std::tan(z));
  if (name == "cot") return Inexact(Complex(1) / std::tan(z));
  if (name == "sec") return Inexact(Complex(1) / std::cos(z));
  if (name == "csc") return Inexact(Complex(1) / std::sin(z));
  if (name == "asin") return Inexact(std::asin(z));
  if (name == "acos") return Inexact(std::acos(z));
  if (name == "atan") return Inexact(std::atan(z));
  return {};
}

MathValue Absolute(const MathValue& a) {
  if (a.rational) return a.rational->numerator < 0 ? Negate(a) : a;
  return a.defined ? Inexact(std::abs(a.approximate)) : a;
}

MathValue FromDigits(const std::string& digits) {
  MathValue value{.defined = true, .exact = true};
  MathValue scale = FromInteger(1);
  const MathValue ten = FromInteger(10);
  value = FromInteger(0);
  bool after_point = false;
  for (const char c : digits) {
    if (c == '.') {
      after_point = true;
      continue;
    }
    value = Add(Multiply(value, ten), FromInteger(c - '0'));
    if (after_point) scale = Multiply(scale, ten);
  }
  if (after_point) value = Multiply(value, Invert(scale));
  long double approximate = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), approximate);
  value.approximate = approximate;
  return value;
}

/// A number that only its name and the trial choose; `fixed` is its value where that is known.
MathValue FromName(const std::string& name, int trial, std::optional<long double> fixed) {
  Rng rng =
      Rng::Derive({std::string_view("math"), std::string_view(name), static_cast<uint64_t>(trial)});
  MathValue value{.defined = true, .exact = true};
  for (size_t k = 0; k < kPrimes.size(); ++k) value.residue[k] = rng.NextBelow(kPrimes[k]);
  value.approximate = fixed.value_or(0.5L + 2 * static_cast<long double>(rng.NextDouble()));
  return value;
}

MathValue Constant(const std::string& name, int trial) {
  if (name == "pi") return FromName(name, trial, std::numbers::pi_v<long double>);
  if (name == "e") return FromName(name, trial, std::numbers::e_v<long double>);
  if (name != "i") return {};
  return {.defined = true, .exact = true, .residue = kRootsOfMinusOne, .approximate = {0, 1}};
}

/// Values of all nodes in order: children come before their parents.
class Evaluator {
 public:
  Evaluator(const MathTree& tree, int trial, MathSign sign)
      : tree_(tree), trial_(trial), sign_(sign) {}

  std::vector<MathValue> All() {
    for (const MathNode& node : tree_.nodes) values_.push_back(Of(node));
    return std::move(values_);
  }

 private:
  const MathValue& Child(const MathNode& node, size_t i) const {
    return values_[static_cast<size_t>(node.children[i])];
  }

  MathValue Of(const MathNode& node) {
    switch (node.kind) {
      case MathKind::kNumber:
        return FromDigits(node.text);
      case MathKind::kVariable:
        return FromName("variable " + node.text, trial_, std::nullopt);
      case MathKind::kConstant:
        return Constant(node.text, trial_);
      case MathKind::kAdd:
        return Add(Child(node, 0), Child(node, 1));
      case MathKind::kSubtract:
        return Difference(Child(node, 0), Child(node, 1));
      case MathKind::kMultiply:
        return Multiply(Child(node, 0), Child(node, 1));
      case MathKind::kDivide:
        return Multiply(Child(node, 0), Invert(Child(node, 1)));
      case MathKind::kPower:
        return Power(Child(node, 0), Child(node, 1));
      case MathKind::kNegate:
        return Negate(Child(node, 0));
      case MathKind::kRoot:
        return Root(Child(node, 0), Child(node, 1));
      case MathKind::kFunction:
        return Call(node);
      case MathKind::kFactorial:
        return Factorial(WholeOf(Child(node, 0)).value_or(-1));
      case MathKind::kAbsolute:
        return Absolute(Child(node, 0));
      case MathKind::kBinomial:
        return Binomial(WholeOf(Child(node, 0)), WholeOf(Child(node, 1)));
      case MathKind::kPlusMinus:
      case MathKind::kMinusPlus:
        return PlusMinus(node);
      case MathKind::kPercent:
        return Multiply(Child(node, 0), Invert(FromInteger(100)));
      default:
        return {};
    }
  }

  MathValue Call(const MathNode& node) const {
    MathValue argument = Child(node, 0);
    if (tree_.at(node.children[0]).unit == "degrees") {
      argument = Inexact(argument.approximate * std::numbers::pi_v<long double> / 180.0L);
    }
    return Function(node.text, argument, node.children.size() > 1 ? &Child(node, 1) : nullptr);
  }

  MathValue PlusMinus(const MathNode& node) const {
    const bool plus = (node.kind == MathKind::kPlusMinus) == (sign_ == MathSign::kUpper);
    const MathValue& last = Child(node, node.children.size() - 1);
    const MathValue term = plus ? last : Negate(last);
    return node.children.size() == 1 ? term : Add(Child(node, 0), term);
  }

  /// Whether `work` more multiplications are allowed; then they are spent.
  bool Spend(int64_t work) {
    work_ += work;
    return work_ <= kMaxMathWork;
  }

  MathValue Factorial(int64_t n) {
    if (n < 0 || n > kMaxFactorial || !Spend(n)) return {};
    MathValue product = FromInteger(1);
    for (int64_t i = 2; i <= n; ++i) product = Multiply(product, FromInteger(i));
    return product;
  }

  MathValue Binomial(std::optional<int64_t> n, std::optional<int64_t> k) {
    if (!n || !k || *k < 0 || *k > *n || *n > kMaxExponent) return {};
    const int64_t least = std::min(*k, *n - *k);
    if (least > kMaxFactorial || !Spend(2 * least)) return {};
    MathValue top = FromInteger(1);
    MathValue bottom = FromInteger(1);
    for (int64_t i = 0; i < least; ++i) {
      top = Multiply(top, FromInteger(*n - i));
      bottom = Multiply(bottom, FromInteger(i + 1));
    }
    MathValue quotient = Multiply(top, Invert(bottom));
    return quotient;
  }

  const MathTree& tree_;
  int trial_;
  MathSign sign_;
  int64_t work_ = 0;
  std::vector<MathValue> values_;
};

bool NearlyEqual(const Complex& a, const Complex& b) {
  if (!IsFinite(a) || !IsFinite(b)) return false;
  const long double scale = std::max(std::abs(a), std::abs(b));
  return std::abs(a - b) <= kRelativeError * scale || scale < 1e-17L;
}

}  // namespace

MathValues::MathValues(const MathTree& tree) : tree_(tree) {
  for (const MathNode& node : tree.nodes) {
    bool variable = node.kind == MathKind::kVariable;
    bool plus_minus = node.kind == MathKind::kPlusMinus || node.kind == MathKind::kMinusPlus;
    for (const int child : node.children) {
      variable = variable || HasVariable(child);
      plus_minus = plus_minus || HasPlusMinus(child);
    }
    has_variable_.push_back(variable);
    has_plus_minus_.push_back(plus_minus);
  }
  for (int trial = 0; trial < kMathTrials; ++trial) {
    for (const MathSign sign : {MathSign::kUpper, MathSign::kLower}) {
      values_[static_cast<size_t>(trial)][static_cast<size_t>(sign)] =
          Evaluator(tree, trial, sign).All();
    }
  }
}

bool SameValue(const MathValue& a, const MathValue& b) {
  if (!a.defined || !b.defined) return false;
  if (!a.exact || !b.exact) return NearlyEqual(a.approximate, b.approximate);
  return a.residue == b.residue;
}

bool SameRatio(const MathValue& a, const MathValue& b, const MathValue& c, const MathValue& d) {
  return SameValue(Multiply(a, d), Multiply(b, c));
}

MathValue Difference(const MathValue& a, const MathValue& b) { return Add(a, Negate(b)); }

bool IsZero(const MathValue& value) {
  if (value.exact) return value.residue == std::array<uint64_t, 2>{};
  return std::abs(value.approximate) < 1e-17L;
}

}  // namespace retort
