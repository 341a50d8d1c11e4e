"""Compares every quoted include with the folder order of the design. Exits 1 and names offenders."""
import os
import re
import sys

# A folder may include itself and what is listed.
BASE, TRACE, TASK = "core/base", "core/trace", "core/task"
TOKENIZER, MODEL, CHECKPOINT, ENGINE = (
    "core/lm/tokenizer", "core/lm/model", "core/lm/checkpoint", "core/lm/engine")
LM = [TOKENIZER, MODEL, CHECKPOINT, ENGINE]
CORE = [BASE, TRACE, TASK] + LM
ALLOWED = {
    BASE: [],
    TRACE: [BASE],
    TASK: [BASE, TRACE],
    TOKENIZER: [BASE],
    MODEL: [BASE],
    CHECKPOINT: [BASE, TOKENIZER, MODEL],
    ENGINE: [BASE, TOKENIZER, MODEL, CHECKPOINT],
    "generate": CORE,
    "filter": CORE,
    "train": CORE,
    "eval": CORE + ["generate"],
    "pipeline": CORE + ["generate", "filter", "train", "eval"],
    "bench": CORE + ["generate", "filter", "train", "eval", "pipeline"],
}
# Headers of third parties that stay inside their wrappers (GUIDE 6).
WRAPPED = {
    r"yaml-cpp/": r"core/base/config[a-z_]*\.cc$",
    r"spdlog/": r"core/base/log\.cc$",
    r"hdf5\.h|H5": r"core/trace/hdf5[a-z_]*\.cc$",
    r"sentencepiece": r"core/lm/tokenizer/sentence_?piece[a-z_]*\.cc$",
    r"utf8proc": r"core/lm/tokenizer/unicode\.cc$",
    r"curl/": r"core/lm/engine/http_client\.cc$",
    r"openssl/": r"core/base/hash\.cc$",
    r"torch/|ATen/|c10/": r"(core/lm/|train/|bench/).*|eval/none$",
}


def folder_of(path):
    matches = [f for f in ALLOWED if path == f or path.startswith(f + "/")]
    return max(matches, key=len) if matches else None


def sources(root):
    for folder in ALLOWED:
        for base, _, names in os.walk(os.path.join(root, folder)):
            for name in sorted(names):
                if name.endswith((".h", ".cc", ".cu", ".def")):
                    yield os.path.relpath(os.path.join(base, name), root)


def problems(root):
    for path in sorted(set(sources(root))):
        here = folder_of(path)
        with open(os.path.join(root, path), encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                quoted = re.match(r'\s*#include "([^"]+)"', line)
                angled = re.match(r"\s*#include <([^>]+)>", line)
                if quoted:
                    there = folder_of(quoted.group(1))
                    if there is None:
                        yield f'{path}:{number}: "{quoted.group(1)}" is not root-relative'
                    elif there != here and there not in ALLOWED[here]:
                        yield f"{path}:{number}: {here} may not include {there}"
                if angled:
                    for header, where in WRAPPED.items():
                        if re.match(header, angled.group(1)) and not re.match(where, path):
                            yield f"{path}:{number}: <{angled.group(1)}> belongs behind its wrapper"


if __name__ == "__main__":
    found = list(problems(sys.argv[1]))
    print("\n".join(found) if found else "include order: clean")
    sys.exit(1 if found else 0)
