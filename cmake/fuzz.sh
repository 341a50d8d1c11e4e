#!/usr/bin/env bash
# Builds the fuzz programs with clang and runs each: fuzz.sh FOLDER JOBS SECONDS. What they find stays
# in FOLDER/corpus; a failing input is written to FOLDER and named. Skipped without clang.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$1 jobs=$2 seconds=$3
if ! command -v clang++ >/dev/null; then
  echo "SKIPPED: fuzz: no clang++ (Debian package clang)" >&2
  exit 0
fi
mkdir -p "$folder"
cmake -S tests/fuzz -B "$folder" -G Ninja -DCMAKE_CXX_COMPILER=clang++ >"$folder/configure.log" 2>&1 || {
  cat "$folder/configure.log" >&2
  exit 1
}
ninja -C "$folder" -j "$jobs" --quiet

# The seeds of each: its own, and what the tests have.
seeds() {
  case "$1" in
    gguf) echo tests/data/lm/gguf ;;
    tokenizer) echo tests/data/lm/word_level tests/data/lm/bpe_metaspace ;;
  esac
}
one() {
  local name=$1 corpus=$folder/corpus/$1
  mkdir -p "$corpus"
  # shellcheck disable=SC2046
  if "$folder/${name}_fuzz" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 \
      -max_len=16384 -artifact_prefix="$folder/$name-" -print_final_stats=1 \
      "$corpus" "tests/fuzz/corpus/$name" $(seeds "$name") >"$folder/$name.log" 2>&1; then
    echo "fuzz $name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$folder/$name.log") inputs, clean"
  else
    grep -E 'ERROR|SUMMARY|runtime error|Test unit written' "$folder/$name.log" | head -5 >&2
    echo "retort: fuzz $name failed - see $folder/$name.log" >&2
    return 1
  fi
}
export -f one seeds
export folder seconds
ls tests/fuzz/*_fuzz.cc | xargs -n 1 basename -s _fuzz.cc | xargs -P "$jobs" -I{} bash -c 'one {}'
