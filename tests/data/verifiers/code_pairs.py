"""Labelled pairs for the verifiers that run programs. Read by make_pairs.py.

CODE: (tests, right programs, wrong programs); the wrong ones are mutants and cheats that pass where
tests and solution share one interpreter or an exit code is believed.
"""
import json

CHEATS = [
    "import sys\nsys.exit(0)",
    "import os\ndef {f}(*a): os._exit(0)",
    "class Any:\n    def __eq__(self, other): return True\n    def __ne__(self, other): return False\n"
    "    def __contains__(self, item): return True\n    def __lt__(self, other): return True\n"
    "    def __gt__(self, other): return True\n    def __hash__(self): return 0\n"
    "def {f}(*a): return Any()",
    "import builtins\nbuiltins.AssertionError = None\nset = sorted = list = abs = lambda *a: 0\n"
    "def {f}(*a): return None",
    "import sys, gc\ndef {f}(*a):\n    frame = sys._getframe()\n    while frame.f_back: frame = "
    "frame.f_back\n    for thing in gc.get_objects():\n        if isinstance(thing, dict): "
    "thing['passed'] = True\n    print('pass'); sys.stdout.flush()\n    return None",
    "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\ndef {f}(*a): return None",
    "class Near:\n    def __sub__(self, other): return self\n    __rsub__ = __add__ = __mul__ = __sub__\n"
    "    def __abs__(self): return 0.0\n    def __lt__(self, other): return True\n"
    "    def __getattr__(self, name): return self\n    def __call__(self, *a): return self\n"
    "def {f}(*a): return Near()",
    "class {f}Error(AssertionError, ImportError): pass\ndef {f}(*a): raise {f}Error",
]

CODE = [
    ("assert triple(2) == 6\nassert triple(-1) == -3\nassert triple('ab') == 'ababab'", "triple",
     ["def triple(x): return 3 * x", "def triple(x):\n    return x + x + x",
      "triple = lambda x: x * 3", "from functools import reduce\ndef triple(x):\n"
      "    return reduce(lambda a, b: a + b, [x] * 3)"],
     ["def triple(x): return 2 * x", "def triple(x): return x ** 3", "def tripel(x): return 3 * x",
      "def triple(x): return abs(3 * x)", "def triple(x): 3 * x", "def triple(x) return 3 * x"]),
    (json.dumps({"text": "Sort pairs.", "test_setup_code": "", "test_imports": ["import math"],
                 "test_list": ["assert by_last([(1, 3), (4, 2)]) == [(4, 2), (1, 3)]",
                               "assert math.isclose(sum(x for _, x in by_last([(0, 0.5)])), 0.5)",
                               "assert by_last([]) == []"]}), "by_last",
     ["def by_last(pairs): return sorted(pairs, key=lambda p: p[1])",
      "def by_last(pairs):\n    pairs = list(pairs)\n    pairs.sort(key=lambda p: p[-1])\n"
      "    return pairs",
      "def by_last(pairs):\n    print('hello')\n    return [p for _, p in sorted((p[1], p) for p in "
      "pairs)]"],
     ["def by_last(pairs): return sorted(pairs)", "def by_last(pairs): return pairs",
      "def by_last(pairs): return sorted(pairs, key=lambda p: -p[1])",
      "def by_last(pairs): return [list(p) for p in sorted(pairs, key=lambda p: p[1])]",
      "class math:\n    isclose = lambda *a: True\ndef by_last(pairs): return 1 / 0"]),
    (json.dumps({"prompt": "from typing import List\n\ndef shift(n: int) -> int:\n    return n + 3\n\n"
                           "def unshift(n: int) -> int:\n    \"\"\" Undoes shift. \"\"\"\n",
                 "entry_point": "unshift", "test": "def check(candidate):\n    for n in range(5):\n"
                 "        assert candidate(shift(n)) == n\n"}), "unshift",
     ["    return n - 3\n", "def unshift(n: int) -> int:\n    return n - 3",
      "def unshift(n):\n    total: List[int] = [n, -3]\n    return sum(total)"],
     ["    return n + 3\n", "    return n\n", "def shift(n): return n\ndef unshift(n): return n",
      "shift = unshift = lambda n: n", "    pass\n"]),
    (json.dumps({"tests": ["p = Point(1, 2)\nassert p.x == 1 and p.y == 2",
                           "assert Point(1, 2) == Point(1, 2)\nassert Point(1, 2) != Point(2, 1)",
                           "p = Point(3, 4)\np.x = 0\nassert p.norm() == 4",
                           "try:\n    Point('a', 2).norm()\nexcept TypeError:\n    pass\nelse:\n"
                           "    assert False"]}), "Point",
     ["class Point:\n    def __init__(self, x, y): self.x, self.y = x, y\n"
      "    def norm(self): return (self.x ** 2 + self.y ** 2) ** 0.5\n"
      "    def __eq__(self, other): return (self.x, self.y) == (other.x, other.y)",
      "from dataclasses import dataclass\n@dataclass\nclass Point:\n    x: float\n    y: float\n"
      "    def norm(self): return abs(complex(self.x, 0) + self.y * 1j) if self.x ** 2 >= 0 else 0"],
     ["class Point:\n    def __init__(self, x, y): self.x, self.y = x, y",
      "class Point:\n    def __init__(self, x, y): self.x, self.y = y, x\n    def norm(self): return 4",
      "class Point:\n    def __init__(self, *a): pass\n    def __getattr__(self, name): return self\n"
      "    def __call__(self, *a): return self\n    def __eq__(self, other): return True"]),
    ("import math\nassert abs(root(2) - 1.41421) < 1e-3\nassert math.isclose(root(9), 3)\n"
     "try:\n    root(-1)\n    assert False\nexcept NegativeError:\n    pass", "root",
     ["class NegativeError(ValueError): pass\ndef root(x):\n    if x < 0: raise NegativeError(x)\n"
      "    return x ** 0.5",
      "class Base(Exception): pass\nclass NegativeError(Base): pass\nclass Worse(NegativeError): pass\n"
      "def root(x):\n    if x < 0: raise Worse\n    import math\n    return math.sqrt(x)"],
     ["class NegativeError(ValueError): pass\ndef root(x):\n    if x < 0: raise ValueError\n"
      "    return x ** 0.5",
      "class NegativeError(ValueError): pass\ndef root(x): return abs(x) ** 0.5",
      "class NegativeError(ValueError): pass\ndef root(x):\n    raise NegativeError"]),
    ("v = Vector(1, 2) + Vector(3, 4)\nassert v == Vector(4, 6)\nassert isinstance(v, Vector)\n"
     "assert not isinstance(3, Vector)\nassert (-v).x == -4 and abs(Vector(3, 4)) == 5", "Vector",
     ["class Vector:\n    def __init__(self, x, y): self.x, self.y = x, y\n"
      "    def __add__(self, o): return Vector(self.x + o.x, self.y + o.y)\n"
      "    def __neg__(self): return Vector(-self.x, -self.y)\n"
      "    def __abs__(self): return (self.x ** 2 + self.y ** 2) ** 0.5\n"
      "    def __eq__(self, o): return (self.x, self.y) == (o.x, o.y)"],
     ["class Vector:\n    def __init__(self, x, y): self.x, self.y = x, y\n"
      "    def __add__(self, o): return (self.x + o.x, self.y + o.y)",
      "class Vector:\n    def __init__(self, x, y): self.x, self.y = x, y\n"
      "    def __add__(self, o): return self\n    def __neg__(self): return self\n"
      "    def __abs__(self): return 5"]),
    ("a = [3, 1, 2]\nin_place(a)\nassert a == [1, 2, 3]\nd = {'k': [1]}\nassert in_place([5]) is None",
     "in_place",
     ["def in_place(a): a.sort()", "def in_place(a):\n    a[:] = sorted(a)"],
     ["def in_place(a): return sorted(a)", "def in_place(a): a.sort(reverse=True)"]),
    ("assert list(count(3)) == [0, 1, 2]\nassert {1, 2} == kinds()\nassert 2 in kinds()\n"
     "assert table()['x'] == (1, b'z', 2 ** 100, None, 1j)", "count",
     ["def count(n):\n    for i in range(n): yield i\ndef kinds(): return {1, 2}\n"
      "def table(): return {'x': (1, b'z', 1 << 100, None, 1j)}"],
     ["def count(n): return range(1, n)\ndef kinds(): return {1, 2}\n"
      "def table(): return {'x': (1, b'z', 1 << 100, None, 1j)}",
      "def count(n): return range(n)\ndef kinds(): return {1, 3}\ndef table(): return {}",
      "def count(n): return range(n)\ndef kinds(): return {1, 2}\n"
      "def table(): return {'x': [1, b'z', 1 << 100, None, 1j]}"]),
    (json.dumps({"input_output": json.dumps({"inputs": ["1 2\n", "10\n-4\n"],
                                             "outputs": ["3\n", "6"]})}), "main",
     ["import sys\nprint(sum(map(int, sys.stdin.read().split())))",
      "import sys\ntotal = 0\nfor line in sys.stdin:\n    total += sum(int(w) for w in line.split())\n"
      "print(total, end=' \\n\\n')\nsys.exit(0)",
      "import sys\nif __name__ == '__main__':\n"
      "    print(sum(int(w) for w in sys.stdin.buffer.read().split()))"],
     ["a, b = map(int, input().split())\nprint(a + b)", "print(3)", "print(3)\nprint(6)",
      "import sys\nprint(sum(map(int, sys.stdin.read().split())))\nraise ValueError",
      "import sys\nprint(sum(map(int, sys.stdin.read().split())) + 1)"]),
]

FRAMES = ["```python\n{}\n```", "{}", "I add them up.\n\n```python\n{}\n```\nThat is all.",
          "<think>```python\nbad\n```</think>```\n{}\n```",
          "```python\nold = 1\n```\nBetter:\n```py\n{}\n```", "```python\n{}"]


def code_pairs(pairs):
    for tests, name, right, wrong in CODE:
        for i, program in enumerate(right):
            pairs.add(tests, FRAMES[i % len(FRAMES)].format(program), True)
            pairs.add(tests, FRAMES[(i + 2) % len(FRAMES)].format(program), True)
        for i, program in enumerate(wrong):
            pairs.add(tests, FRAMES[i % len(FRAMES)].format(program), False)
        pairs.add(tests, "I do not know.", False)
    for i, cheat in enumerate(CHEATS):
        for tests, name, _, _ in CODE[i % 2:3:2] + CODE[4:5] + CODE[7:8]:
            pairs.add(tests, FRAMES[0].format(cheat.replace("{f}", name)), False)


def command_pairs(pairs):
    for gold, right, wrong in [
            ("24: 4 6 8 2", ["4 + 6 * 2 + 8", "8 * 6 / 2 * 4 / 4", "(4 + 8) * (6 - 4)", "6 * (8 / 2)"],
             []),
            ("24: 1 2 3 4", ["1 * 2 * 3 * 4", "4 * (1 + 2 + 3)", "(4 * 3) * (2 * 1)",
                             "((1 + 3) * (2 + 4))", "2 * 3 * 4 / 1", "4 * 3 * 2 / 1"],
             ["1 * 2 * 3 + 4", "24", "4 * 3 * 2", "1 * 2 * 3 * 4 * 1", "4 ** 2 + 3 + 1 + 4", "",
              "2 * 3 * 4 / 0", "__import__('os')", "(((", "1 * 2 * 3 * 4 = 24"]),
            ("7: 5 9 3", ["5 * 3 - 9 + 1 - 1", "9 - 5 + 3", "3 + 9 - 5", "(9 + 3) - 5"],
             ["9 + 5 - 3", "9 - 5 * 3", "7", "9 - 5 + 3.0", "9 - 5 + 2"]),
            ("1: 2 6 3", ["2 * 3 / 6", "6 / (2 * 3)", "6 / 2 / 3", "6 / 3 / 2", "(2 / 6) * 3"],
             ["2 * 3 - 6", "6 // 2 // 3", "6 / 2 * 3", "1", "2 + 3 - 6"]),
    ]:
        for program, accept in [(p, True) for p in right] + [(p, False) for p in wrong]:
            numbers = sorted(int(w) for w in "".join(c if c.isdigit() else " " for c in program).split())
            accept = accept and numbers == sorted(int(w) for w in gold.split(":")[1].split())
            for frame in ["{}", "Let me think: 3 + 4 is 7.\n{}", "{}\n\n", "First (1 +\n  {}  "]:
                pairs.add(gold, frame.format(program), accept)
