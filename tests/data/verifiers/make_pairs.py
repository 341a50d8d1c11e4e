"""Writes the labelled pairs of every answer verifier beside it: math.jsonl, code.jsonl ...

Each line is {"gold", "text", "accept"}. Pairs are composed from classes of answers: spellings of
one value (each accepted against another), near misses of it (each refused), and the sentences an
answer comes in. Hand-written pairs stand in hand_written.py. No randomness: same bytes every time.
Run: python3 tests/data/verifiers/make_pairs.py
"""
import json
import os

from code_pairs import code_pairs, command_pairs
from hand_written import CHOICE, EXACT, MATH, NUMERIC

HERE = os.path.dirname(os.path.abspath(__file__))

# Sentences around a TeX answer; {} is the answer.
SENTENCES = ["{}", "${}$", "\\boxed{{{}}}", "The answer is ${}$.", "So we get\n\\[\\boxed{{{}}}\\]",
             "First 17 and 4.\n#### {}", "<think>It may be 99.</think>\nFinal answer: ${}$",
             "We test 3 cases.\n<answer>{}</answer>"]
# The ones that leave no doubt where the answer is, for answers that are not a single number.
MARKED = SENTENCES[2:]


class Pairs:
    def __init__(self):
        self.rows, self.seen = [], set()

    def add(self, gold, text, accept):
        if (gold, text) not in self.seen:
            self.seen.add((gold, text))
            self.rows.append({"gold": gold, "text": text, "accept": accept})

    def add_class(self, spellings, misses, sentences=SENTENCES):
        """The first spelling is the gold answer; every other is accepted, every miss refused, each
        in a sentence of its own turn."""
        gold = spellings[0]
        for i, spelling in enumerate(spellings):
            self.add(gold, sentences[i % len(sentences)].format(spelling), True)
            self.add(spelling, sentences[(i + 3) % len(sentences)].format(gold), True)
        for i, miss in enumerate(misses):
            self.add(gold, sentences[i % len(sentences)].format(miss), False)
            self.add(miss, sentences[(i + 5) % len(sentences)].format(gold), False)

    def add_hand_written(self, rows):
        for gold, text, accept in rows:
            self.add(gold, text, accept)

    def write(self, name):
        with open(os.path.join(HERE, name + ".jsonl"), "w", encoding="utf-8") as file:
            for row in self.rows:
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
        accepted = sum(row["accept"] for row in self.rows)
        print(f"{name}: {accepted} to accept, {len(self.rows) - accepted} to refuse")


def commas(n):
    return f"{n:,}"


def integers(pairs):
    for n in [7, 42, 105, 1250, 36000, 2718281, 1000000007]:
        spellings = [str(n), f"{n}.0", f"+{n}", f"{n}\\text{{ cm}}", f"x = {n}", f"{2 * n}/2"]
        if n >= 1000:
            spellings += [commas(n), commas(n).replace(",", "{,}"), commas(n).replace(",", "\\,")]
        misses = [f"-{n}", str(n + 1), str(n - 1), str(n * 10), f"{n}.5", f"\\pm {n}",
                  f"{n}, {n + 1}", f"\\frac{{1}}{{{n}}}", f"{n}!" if n > 2 else "0"]
        pairs.add_class(spellings, misses)


def fractions(pairs):
    for a, b in [(1, 2), (3, 4), (7, 3), (22, 7), (5, 8), (2, 9)]:
        spellings = [f"\\frac{{{a}}}{{{b}}}", f"{a}/{b}", f"\\dfrac{{{a}}}{{{b}}}",
                     f"\\tfrac{{{3 * a}}}{{{3 * b}}}", f"\\frac{{-{a}}}{{-{b}}}",
                     f"{a} \\div {b}", f"({a})/({b})"]
        if a < 10 and b < 10:
            spellings.append(f"\\frac{a}{b}")
        if a > b:
            spellings += [f"{a // b}\\frac{{{a % b}}}{{{b}}}", f"{a // b} {a % b}/{b}"]
        misses = [f"\\frac{{{b}}}{{{a}}}", f"-\\frac{{{a}}}{{{b}}}", f"\\frac{{{a + 1}}}{{{b}}}",
                  f"\\frac{{{a}}}{{{b + 1}}}", f"{a}:{b}", f"({a}, {b})", str(a), str(b)]
        pairs.add_class(spellings, misses)
    for a, b, decimals in [(1, 3, ["0.33", "0.333", "0.3333333333333333"]),
                           (2, 3, ["0.67", "0.667", "0.66666666666666667"]), (1, 7, ["0.142857"])]:
        pairs.add_class([f"\\frac{{{a}}}{{{b}}}"], decimals)


def decimals(pairs):
    for text, over in [("0.5", "1/2"), ("0.125", "1/8"), ("2.75", "11/4"), ("-1.2", "-6/5"),
                       ("12.04", "301/25")]:
        pairs.add_class([text, text + "0", over, text.replace("0.", ".", 1)
                         if text.startswith("0.") else "+" + text if text[0] != "-" else over],
                        [text.replace(".", ""), text + "1", text[1:] if text[0] == "-" else
                         "-" + text, text.replace(".", ",")])
    for mantissa, exponent in [("3", 8), ("6.02", 23), ("1.6", -19)]:
        gold = f"{mantissa} \\times 10^{{{exponent}}}"
        pairs.add_class([gold, f"{mantissa}\\cdot10^{{{exponent}}}", f"{mantissa}e{exponent}",
                         f"{mantissa} * 10^({exponent})"],
                        [f"{mantissa} \\times 10^{{{exponent + 1}}}", f"-{gold}",
                         f"{mantissa} \\times 10^{{{-exponent}}}"])


def percents(pairs):
    for n in [5, 25, 40, 150]:
        gold = f"{n}\\%"
        pairs.add_class([gold, f"{n}%", f"{n}.0\\%", f"\\frac{{{2 * n}}}{{2}}\\%"],
                        [f"{n + 1}\\%", f"-{n}\\%", f"{n * 10}\\%", f"{n}.5\\%"])
        pairs.add(gold, f"\\boxed{{{n}}}", True)       # the sign left out
        pairs.add(gold, f"\\boxed{{{n}/100}}", True)   # its value
        pairs.add(str(n), f"\\boxed{{{n}\\%}}", True)  # the file left it out, the number is above 1
        pairs.add(f"{n}/1000", f"\\boxed{{\\frac{{{n}}}{{10}}\\%}}", True)
    for small in ["0.5", "0.25", "1"]:
        pairs.add(small, f"\\boxed{{{small}\\%}}", False)  # a hundredth of it


def roots(pairs):
    for n, out, rest in [(8, 2, 2), (12, 2, 3), (45, 3, 5), (72, 6, 2), (98, 7, 2)]:
        pairs.add_class([f"{out}\\sqrt{{{rest}}}", f"\\sqrt{{{n}}}", f"\\sqrt{rest}\\cdot {out}",
                         f"{out}\\sqrt{rest}", f"{n}^{{1/2}}", f"\\frac{{{n}}}{{\\sqrt{{{n}}}}}",
                         f"{out} * sqrt({rest})"],
                        [f"{out + 1}\\sqrt{{{rest}}}", f"-{out}\\sqrt{{{rest}}}",
                         f"{rest}\\sqrt{{{out + 5}}}", f"\\sqrt{{{n + 1}}}", str(n),
                         f"{(n ** 0.5):.4f}", f"{(n ** 0.5):.12f}", f"\\pm\\sqrt{{{n}}}"])
    pairs.add_class(["\\frac{\\sqrt{3}}{3}", "\\frac{1}{\\sqrt3}", "\\sqrt{\\frac13}",
                     "\\tan 30^\\circ"], ["\\frac{\\sqrt{3}}{2}", "\\sqrt{3}", "\\frac13"])
    pairs.add_class(["\\sqrt[3]{2}", "2^{1/3}", "2^{\\frac{1}{3}}", "\\frac{\\sqrt[3]{16}}{2}"],
                    ["\\sqrt{2}", "\\sqrt[3]{3}", "1.26", "\\sqrt[4]{2}"])
    pairs.add_class(["\\sqrt{2}+\\sqrt{3}", "\\sqrt3 + \\sqrt2", "\\sqrt{5+2\\sqrt{6}}"],
                    ["\\sqrt{5}", "\\sqrt{2}-\\sqrt{3}", "\\sqrt{2}\\sqrt{3}"])


def constants(pairs):
    for k in [2, 3, 10, 25]:
        pairs.add_class([f"{k}\\pi", f"\\pi \\cdot {k}", f"\\frac{{{2 * k}\\pi}}{{2}}", f"{k}π",
                         f"{k} * pi"],
                        [f"{k + 1}\\pi", f"{k}", f"{k}\\pi^2", f"-{k}\\pi", f"{3.14 * k:.2f}",
                         f"{k}e", f"\\frac{{\\pi}}{{{k}}}"])
    for k in [2, 3, 5]:
        pairs.add_class([f"e^{{{k}}}", f"e^{k}", f"\\exp({k})", f"e \\cdot e^{{{k - 1}}}"],
                        [f"e^{{-{k}}}", f"{k}e", f"e^{{{k + 1}}}", f"{2.718 ** k:.3f}"])
        pairs.add_class([f"\\ln {k + 2}", f"-\\ln\\frac{{1}}{{{k + 2}}}",
                         f"\\frac{{\\ln {(k + 2) ** 2}}}{{2}}"],
                        [f"\\ln {k + 3}", f"\\log {k + 2}", f"-\\ln {k + 2}"])
    pairs.add_class(["\\frac{1}{2004!}", "1/2004!", "\\frac{2005}{2005!}"],
                    ["\\frac{1}{2006!}", "\\frac{1}{2003!}", "1/2004", "0", "\\frac{2}{2004!}"])
    pairs.add_class(["2^{100}", "4^{50}", "2 \\cdot 2^{99}", "1267650600228229401496703205376"],
                    ["2^{101}", "2^{99}", "1267650600228229401496703205377", "100^2", "-2^{100}"])
    pairs.add_class(["\\binom{10}{3}", "120", "\\dbinom{10}{7}", "\\frac{10!}{3!7!}"],
                    ["\\binom{10}{4}", "210", "\\binom{3}{10}", "(10, 3)"])


def complexes(pairs):
    for a, b in [(3, 4), (1, 2), (5, 7)]:
        pairs.add_class([f"{a}+{b}i", f"{b}i+{a}", f"{a} + {b}\\cdot i", f"{a}-{b}i^3",
                         f"-i({a}i-{b})"],
                        [f"{a}-{b}i", f"-{a}+{b}i", f"{b}+{a}i", f"{a}+{b}", f"{a}+{b + 1}i",
                         f"({a}, {b})"])


def polynomials(pairs):
    for a, b in [(1, 2), (2, 3), (3, -5), (-4, 7)]:
        s, p = a + b, a * b
        gold = f"x^2 {s:+d}x {p:+d}"
        pairs.add_class([gold, f"(x{a:+d})(x{b:+d})", f"{p}+x^2+{s}x", f"x(x{s:+d}){p:+d}",
                         f"x^{{2}}{s:+d} \\cdot x{p:+d}",
                         f"\\left(x{b:+d}\\right)\\left(x{a:+d}\\right)"],
                        [f"x^2 {-s:+d}x {p:+d}", f"x^2 {s:+d}x {p + 1:+d}", f"x^3 {s:+d}x {p:+d}",
                         f"y^2 {s:+d}y {p:+d}", f"-x^2 {s:+d}x {p:+d}", f"(x{a:+d})(x{b + 1:+d})",
                         f"2(x^2 {s:+d}x {p:+d})"], MARKED)
    for n in [2, 3, 4]:
        pairs.add_class([f"\\frac{{x^{n}-1}}{{x-1}}",
                         "+".join(["1"] + [f"x^{k}" for k in range(1, n)])],
                        [f"\\frac{{x^{n}+1}}{{x-1}}", f"x^{n}-1", f"x^{{{n - 1}}}+1"
                         if n > 2 else "x-1", f"\\frac{{x-1}}{{x^{n}-1}}"], MARKED)
    pairs.add_class(["a^2-b^2", "(a-b)(a+b)", "-(b^2-a^2)", "(b+a)(a-b)"],
                    ["b^2-a^2", "a^2+b^2", "(a-b)^2", "a^2-2b^2"], MARKED)
    pairs.add_class(["2xy", "2yx", "xy+yx", "2x\\cdot y", "\\frac{4x y}{2}"],
                    ["2xz", "xy", "2x+y", "2x^2y", "-2xy"], MARKED)
    pairs.add_class(["\\sin^2 x", "1-\\cos^2 x", "(\\sin x)^2"],
                    ["\\cos^2 x", "\\sin x", "\\sin 2x", "\\sin^2 y"], MARKED)
    pairs.add_class(["x_1+x_2", "x_2+x_1", "x_{1}+x_{2}"], ["x_1+x_3", "x_1-x_2", "x+x"], MARKED)


def collections(pairs):
    for a, b, c in [(1, 2, 3), (4, 9, 16), (2, 5, 11)]:
        pairs.add_class([f"\\{{{a}, {b}, {c}\\}}", f"\\{{{c}, {a}, {b}\\}}", f"{b}, {c}, {a}",
                         f"\\{{{a}, {b}, {c}, {a}\\}}", f"{a}, {b} and {c}",
                         f"\\left\\{{{b},{a},{c}\\right\\}}", f"x = {a}, {c}, {b}",
                         f"x={a} \\text{{ or }} x={b} \\text{{ or }} x={c}"],
                        [f"\\{{{a}, {b}\\}}", f"\\{{{a}, {b}, {c + 1}\\}}", f"({a}, {b}, {c})",
                         f"{a}, {b}", f"\\{{{a}, {b}, {c}, {c + 1}\\}}",
                         f"\\{{-{a}, {b}, {c}\\}}", str(a + b + c)], MARKED)
        pairs.add_class([f"({a}, {b}, {c})", f"({a},{b},{c})", f"\\left({a}, {b}, {c}\\right)",
                         f"(\\frac{{{2 * a}}}{{2}}, {b}.0, {c})", f"(x,y,z) = ({a},{b},{c})"],
                        [f"({b}, {a}, {c})", f"({a}, {c}, {b})", f"({a}, {b})", f"{a}, {b}, {c}",
                         f"[{a}, {b}, {c}]", f"({a}, {b}, -{c})", f"\\{{{a}, {b}, {c}\\}}",
                         f"({a}, {b}, {c + 1})"], MARKED)
        pairs.add_class([f"{a}:{b}:{c}", f"{a} : {b} : {c}"],
                        [f"{b}:{a}:{c}", f"{a}:{b}", f"{a}:{b}:{c + 1}", f"{a}/{b}/{c}"], MARKED)
    for n in [2, 3, 2021]:
        pairs.add_class([f"\\pm {n}", f"\\{{-{n}, {n}\\}}", f"{n}, -{n}", f"x = \\pm {n}", f"±{n}",
                         f"{n} \\text{{ and }} -{n}", f"\\mp {n}"],
                        [str(n), f"-{n}", f"\\pm {n + 1}", f"(-{n}, {n})", f"\\{{0, {n}\\}}"],
                        MARKED)
    pairs.add_class(["1 \\pm \\sqrt{2}", "\\{1+\\sqrt2, 1-\\sqrt2\\}", "1-\\sqrt{2}, 1+\\sqrt{2}",
                     "\\frac{2 \\pm \\sqrt{8}}{2}"],
                    ["1+\\sqrt{2}", "1 \\pm 2", "-1 \\pm \\sqrt{2}", "1 \\pm \\sqrt{3}"], MARKED)
    pairs.add_class(["n = 2, 3, 4", "2, 3, 4", "\\{4, 3, 2\\}"], ["n = 1, 2, 3", "1, 2, 3", "2, 3",
                                                              "n = 2, 3, 4, 5"], MARKED)
    pairs.add_class(["x = 2, y = 3", "y = 3, x = 2", "x=2 \\text{ and } y=3"],
                    ["x = 3, y = 2", "x = 2, y = 2", "x = 2", "3, 2"], MARKED)


def intervals(pairs):
    for a, b in [("1", "2"), ("-3", "5"), ("0", "\\frac{1}{2}"), ("-\\sqrt{2}", "\\pi")]:
        for left, right in ["()", "(]", "[)", "[]"]:
            flipped = ("[" if left == "(" else "(", "]" if right == ")" else ")")
            less = {"(": "<", "[": "\\le", ")": "<", "]": "\\leq"}
            pairs.add_class(
                [f"{left}{a}, {b}{right}", f"\\left{left}{a},{b}\\right{right}",
                 f"x \\in {left}{a}, {b}{right}", f"{a} {less[left]} x {less[right]} {b}"],
                [f"{flipped[0]}{a}, {b}{right}", f"{left}{a}, {b}{flipped[1]}",
                 f"{left}{b}, {a}{right}", f"{left}{a}, {b}+1{right}"], MARKED)
    pairs.add_class(["(-\\infty, 3)", "x < 3", "3 > x", "(-inf, 3)", "x \\in (-\\infty,3)"],
                    ["(-\\infty, 3]", "x \\le 3", "x > 3", "(3, \\infty)", "(-\\infty, 4)",
                     "(-\\infty, \\infty)", "x<3y"], MARKED)
    pairs.add_class(["[5, \\infty)", "x \\ge 5", "5 \\leq x", "x >= 5", "[5, ∞)"],
                    ["(5, \\infty)", "x > 5", "x \\le 5", "[5, 6)", "[-5, \\infty)"], MARKED)
    pairs.add_class(["(-\\infty, 1) \\cup (2, 3]", "(2,3] \\cup (-\\infty,1)",
                     "x < 1 \\text{ or } 2 < x \\le 3", "(-∞,1)∪(2,3]"],
                    ["(-\\infty, 1) \\cup (2, 3)", "(-\\infty, 1)", "(-\\infty, 1) \\cap (2, 3]",
                     "(-\\infty, 1] \\cup (2, 3]", "(-\\infty, 3]"], MARKED)


def equations(pairs):
    pairs.add_class(["y = 2x + 3", "2x + 3", "y = 3 + 2x"],
                    ["y = 2x - 3", "y = 3x + 2", "x = 2y + 3", "2x"], MARKED)
    pairs.add_class(["2x + 3y = 6", "4x + 6y = 12", "2x+3y-6=0", "3y = 6-2x"],
                    ["2x + 3y = 7", "2x - 3y = 6", "3x + 2y = 6", "2x+3y", "x=6"], MARKED)
    pairs.add_class(["x^2 + y^2 = 25", "y^2 = 25 - x^2", "x^2+y^2-25=0"],
                    ["x^2 + y^2 = 5", "x^2 - y^2 = 25", "(x+y)^2 = 25", "25"], MARKED)
    pairs.add_class(["f(x) = x^2", "x^2", "f(x) = x \\cdot x"], ["f(x) = x^3", "g(x) = x^2", "x"],
                    MARKED)
    pairs.add_class(["x = 5", "5", "x=5", "5 = x", "x = \\frac{10}{2} = 5"],
                    ["y = 5", "x = -5", "x = 6", "x \\ne 5", "x > 5", "x^2 = 5"], MARKED)


def matrices(pairs):
    def matrix(kind, *rows):
        return f"\\begin{{{kind}}} " + " \\\\ ".join(" & ".join(r) for r in rows) + \
            f" \\end{{{kind}}}"
    gold = matrix("pmatrix", "12", "34")
    pairs.add_class([gold, matrix("pmatrix", ["1.0", "\\frac{4}{2}"], "34"),
                     gold.replace(" & ", "&")],
                    [matrix("pmatrix", "21", "34"), matrix("pmatrix", "13", "24"),
                     matrix("pmatrix", "12"), matrix("pmatrix", "12", "35"), "(1,2,3,4)"], MARKED)
    pairs.add_class([matrix("pmatrix", "5", "7"), matrix("pmatrix", ["5"], ["\\frac{14}{2}"])],
                    [matrix("pmatrix", "57"), matrix("pmatrix", "7", "5"), "(5,7)"], MARKED)


def units(pairs):
    for n in [12, 36]:
        pairs.add_class([f"{n}\\text{{ cm}}", f"{n}", f"{n} cm", f"{n}\\,\\mathrm{{cm}}",
                         f"{n}\\text{{ centimeters}}", f"{n}~\\text{{cm}}"],
                        [f"{n}\\text{{ m}}", f"{n}\\text{{ km}}", f"{n + 1}\\text{{ cm}}",
                         f"{n}\\text{{ inches}}"])
        pairs.add_class([f"{n}\\text{{ cm}}^2", f"{n}", f"{n} square centimeters", f"{n}cm^2"],
                        [f"{n}\\text{{ m}}^2", f"{n * n}", f"{n * n}\\text{{ cm}}^2"])
        pairs.add_class([f"\\${n}", f"{n} dollars", f"{n}", f"\\${n}.00"],
                        [f"\\${n}.50", f"-\\${n}"])
        pairs.add(f"{n} dollars", f"\\boxed{{{n} cents}}", False)
        pairs.add_class([f"{n}^\\circ", f"{n}", f"{n}^{{\\circ}}", f"{n}°", f"{n} degrees"],
                        [f"{n + 1}^\\circ", f"-{n}^\\circ", f"{n} radians", f"{180 - n}^\\circ"])
    pairs.add_class(["60\\text{ km/h}", "60", "60 km/h"], ["61 km/h", "-60 km/h"])
    pairs.add_class(["12\\!:\\!00", "12:00"], ["1:00", "12:30", "12", "0:12", "1200"], MARKED)
    pairs.add_class(["3:00\\text{ pm}", "3:00 PM"], ["3:00\\text{ am}", "4:00 pm"], MARKED)


def bases(pairs):
    pairs.add_class(["101_2", "101_{2}"], ["101_3", "110_2", "5", "101", "101_{10}"], MARKED)
    pairs.add_class(["2516_8", "2516_{8}"], ["2516", "2615_8", "2516_9"], MARKED)


def words(pairs):
    for word, others in [("east", ["west", "north east"]), ("Ellipse", ["hyperbola", "parabola"]),
                         ("Monday", ["Sunday", "Mon"]), ("odd", ["even", "neither"])]:
        pairs.add_class([f"\\text{{{word}}}", word, word.lower(), f"\\textbf{{{word}}}",
                         f"\\mathrm{{{word.upper()}}}"], others + [f"not {word}", "7"], MARKED)
    pairs.add_class(["\\text{(B)}", "(B)", "(b)"], ["(C)", "\\text{(A)}", "5"], MARKED)


MATH_CLASSES = [integers, fractions, decimals, percents, roots, constants, complexes, polynomials,
                collections, intervals, equations, matrices, units, bases, words]


def numeric_pairs(pairs):
    tails = ["{}", "#### {}", "The answer is {}.", "3 + 4 = 7, so the total is {}", "\\boxed{{{}}}",
             "He works 5 days.\nAnswer: {}"]
    for n in [3, 18, 540, 1080, 70000, 109200000]:
        spellings = [str(n), commas(n), f"${commas(n)}", f"{n}.00", f"\\${n}", f"{n} apples",
                     f"{2 * n}/2", f"€{n}", f"+{n}", f"£{n}.0"]
        misses = [f"-{n}", str(n + 1), f"{n}.5", str(n * 10), f"1/{n}", f"${n}.01", f"{n}e1"]
        pairs.add_class(spellings, misses, tails)
    for text, same, other in [
            ("0.5", ["1/2", ".5", "0.50", "50%", "5e-1", "\\frac{1}{2}", "\\frac12"],
             ["0.05", "5", "1/5", "-0.5"]),
            ("2.5", ["2 1/2", "5/2", "2\\frac{1}{2}", "2.50", "25 * 10^-1"],
             ["25", "2.05", "2 1/3", "3.5"]),
            ("-4", ["-4.0", "−4", "-$4", "-8/2"], ["4", "-5", "-40", "-0.4"]),
            ("25%", ["25 %", "25", "0.25", "1/4", "25\\%", "25 percent"],
             ["26%", "2.5", "0.025", "-25%"]),
            ("6.02e3", ["6020", "6,020", "6.02 \\times 10^{3}", "6.02×10^3"], ["602", "6.02e4"]),
            ("1/3", ["2/6", "\\frac{1}{3}", "\\dfrac{2}{6}"], ["0.33", "0.3333", "3", "1/4"])]:
        pairs.add_class([text] + same, other, tails)


def choice_pairs(pairs):
    right = ["{}", "({})", "{}.", "{})", "[{}]", "\\boxed{{{}}}", "\\boxed{{\\text{{({})}}}}",
             "The answer is {}.", "The correct answer is ({}).", "Answer: {}", "**{}**",
             "the answer is option {}", "I would choose {}", "#### {}", "<answer>{}</answer>",
             "A short thought first.\nSo it is ({}).", "{}) 12 cm", "Answer: ({}) both of them",
             "Not (A), not (E).\nThe answer is **{}**.", "\\textbf{{({})}}",
             "({}) because a is odd"]
    letters = "ABCDE"
    for i, letter in enumerate(letters):
        wrong = letters[(i + 1) % 5]
        for form in right:
            pairs.add(letter, form.format(letter), True)
            pairs.add(letter, form.format(wrong), False)
        pairs.add(f"({letter})", letter, True)
        pairs.add(letter, letter.lower(), True)
        pairs.add(letter, f"({letter.lower()})", True)
        for form in ["{0} or {1}", "The answer is {0} or {1}.", "\\boxed{{{0}, {1}}}",
                     "Answer: {0} and {1}", "It is ({0}) or ({1})"]:
            pairs.add(letter, form.format(letter, wrong), False)


def exact_pairs(pairs):
    frames = ["{}", "The answer is {}.", "Answer: {}", "\\boxed{{{}}}", "#### {}", "**{}**",
              "<answer>{}</answer>", "\\boxed{{\\text{{{}}}}}", "<think>maybe</think>{}"]
    for gold, misses in [("Paris", ["Pari", "Lyon", "Paris, Texas"]), ("42", ["-42", "43", "4 2"]),
                         ("the red house", ["the house", "red the house", "the red houses"]),
                         ("x y z", ["x y", "xyz", "z y x"]), (".5", ["5", "0.5"])]:
        for i, frame in enumerate(frames):
            pairs.add(gold, frame.format(gold), True)
            pairs.add(gold, frame.format(gold.upper()), True)
            pairs.add(gold, frame.format(gold.replace(" ", "  ")), True)
            pairs.add(gold, frame.format(misses[i % len(misses)]), False)
            pairs.add(gold, frame.format(misses[(i + 1) % len(misses)]), False)


def main():
    math = Pairs()
    for make in MATH_CLASSES:
        make(math)
    math.add_hand_written(MATH)
    math.write("math")
    for name, make, rows in [("numeric", numeric_pairs, NUMERIC), ("choice", choice_pairs, CHOICE),
                             ("exact", exact_pairs, EXACT), ("code", code_pairs, []),
                             ("command", command_pairs, [])]:
        pairs = Pairs()
        make(pairs)
        pairs.add_hand_written(rows)
        pairs.write(name)


if __name__ == "__main__":
    main()
