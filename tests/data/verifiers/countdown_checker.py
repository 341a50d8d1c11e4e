"""A checker for `verifier: {name: command}`: does an expression reach a target from given numbers?

One JSON object a line in: {"request", "id", "question", "text", "gold": "24: 4 6 8 2"}; one out:
{"request", "verdict"}. The answer is the text's last line.
"""
import ast
import json
import operator
import sys
from fractions import Fraction

OPERATORS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
             ast.Div: operator.truediv}


def value(node, used):
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        return OPERATORS[type(node.op)](value(node.left, used), value(node.right, used))
    if isinstance(node, ast.Constant) and type(node.value) is int:
        used.append(node.value)
        return Fraction(node.value)
    raise ValueError("neither a number nor one of + - * /")


def verdict(text, gold):
    target, _, numbers = gold.partition(":")
    if not all(word.isdecimal() for word in [target, *numbers.split()]):
        return "unverified"
    used = []
    try:
        last = text.strip().splitlines()[-1]
        result = value(ast.parse(last.strip(), mode="eval").body, used)
    except (SyntaxError, ValueError, IndexError, RecursionError, MemoryError):
        return "unparsed"
    except ZeroDivisionError:
        return "incorrect"
    same = sorted(used) == sorted(int(number) for number in numbers.split())
    return "correct" if same and result == int(target) else "incorrect"


for line in sys.stdin:
    item = json.loads(line)
    print(json.dumps({"request": item["request"], "verdict": verdict(item["text"], item["gold"])}),
          flush=True)
