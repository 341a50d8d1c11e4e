"""Loads what `retort export --shape` writes in `datasets` and in TRL, and checks columns and types.

Usage: python check_export_shapes.py FOLDER, with FOLDER/SHAPE.jsonl for some of the shapes
messages, prompt_completion, preference and stepwise, each with its .manifest.json. For example:
  for s in messages prompt_completion preference stepwise; do
    build/pipeline/retort export runs/NAME/filter/STAGE-KEY --shape $s -o FOLDER/$s.jsonl; done
Exits with 1 on the first difference, and with 77 (skipped) where `datasets` or `trl` is missing.
Run with datasets 5.2.0 and trl 1.16.0.
"""
import hashlib
import json
import os
import sys

try:
    import datasets
    from datasets import List, Value
    import trl
except ImportError as error:
    print(f"SKIPPED: {error}", file=sys.stderr)
    sys.exit(77)

TEXT = Value("string")
COLUMNS = {
    "messages": {"messages": List({"content": TEXT, "role": TEXT})},
    "prompt_completion": {"prompt": TEXT, "completion": TEXT},
    "preference": {"prompt": TEXT, "chosen": TEXT, "rejected": TEXT},
    "stepwise": {"prompt": TEXT, "completions": List(TEXT), "labels": List(Value("bool"))},
}
ORIGIN = {"problem_id": TEXT, "source": TEXT, "node": Value("int64")}


def expect(condition, what):
    if not condition:
        sys.exit(f"check_export_shapes: {what}")


def check_manifest(path, rows):
    with open(path + ".manifest.json", encoding="utf-8") as file:
        manifest = json.load(file)
    with open(path, "rb") as file:
        content = file.read()
    expect(manifest["sha256"] == hashlib.sha256(content).hexdigest(), f"{path}: sha256")
    expect(manifest["rows"] == rows and manifest["bytes"] == len(content), f"{path}: counts")


def check_rows(shape, data):
    for row in data:
        if shape == "messages":
            expect([m["role"] for m in row["messages"]] == ["user", "assistant"], row)
        if shape == "preference":
            expect(row["chosen"] != row["rejected"], row)
        if shape == "stepwise":
            expect(len(row["completions"]) == len(row["labels"]) > 0, row)
            # A step after the first wrong one is on no right chain.
            expect(row["labels"] == sorted(row["labels"], reverse=True), row)


def check_in_trl(shape, data):
    """TRL's own notion of the shape."""
    from trl import data_utils
    expect(data_utils.is_conversational(data[0]) == (shape == "messages"), f"{shape}: conversational")
    if shape == "preference":
        chosen = data_utils.unpair_preference_dataset(data)
        expect(len(chosen) == 2 * len(data), "preference: does not unpair")


def main(folder):
    checked = 0
    for shape, columns in COLUMNS.items():
        path = os.path.join(folder, shape + ".jsonl")
        if not os.path.exists(path):
            continue
        data = datasets.load_dataset("json", data_files=path, split="train",
                                     cache_dir=os.path.join(folder, "cache"))
        expect(dict(data.features) == {**columns, **ORIGIN}, f"{shape}: columns {data.features}")
        check_manifest(path, len(data))
        check_rows(shape, data)
        check_in_trl(shape, data)
        print(f"{shape}: {len(data)} rows agree (datasets {datasets.__version__}, "
              f"trl {trl.__version__})")
        checked += 1
    expect(checked > 0, f"{folder}: no file of any shape")


if __name__ == "__main__":
    main(sys.argv[1])
