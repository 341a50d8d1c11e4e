#!/bin/bash
# Retort against llama.cpp: the same bfloat16 weights from the same GGUF file, interleaved rounds of
# one run, medians. Prefill of 512 tokens; decoding of 1, 16 and 64 rows that share a prompt of 128
# tokens (Retort's figures hold its sampling from the whole vocabulary, llama.cpp's hold none).
# Retort runs at both precisions: float32 widens the weights, bfloat16 rounds the inputs of products
# too, as llama.cpp does. llama.cpp is built from the sources in the PyPI package llama-cpp-python,
# in WORK, once.
#
#   bench/llama_cpp_peer.sh MODEL.gguf WORK [THREADS, default 2]
#
# needs `make bench`, a compiler, cmake and pip. With THREADS=1 rates are tokens a second of CPU
# time, which a busy machine distorts less; otherwise tokens a second of wall time.
set -euo pipefail
model=$(realpath "$1")
work=$(mkdir -p "$2" && realpath "$2")
threads=${3:-2}
rounds=${ROUNDS:-5}
version=0.3.36
root=$(realpath "$(dirname "$0")/..")
ours="$root/build/bench/llama_bench"
bin="$work/build/bin"

if [ ! -x "$bin/llama-batched-bench" ]; then
  python3 -m venv "$work/venv"
  "$work/venv/bin/pip" download -q --no-deps --no-binary :all: -d "$work" "llama-cpp-python==$version"
  tar xf "$work/llama_cpp_python-$version.tar.gz" -C "$work"
  cmake -S "$work/llama_cpp_python-$version/vendor/llama.cpp" -B "$work/build" \
    -DCMAKE_BUILD_TYPE=Release -DGGML_NATIVE=ON -DLLAMA_CURL=OFF -DLLAMA_BUILD_TESTS=OFF \
    -DLLAMA_BUILD_EXAMPLES=OFF > "$work/build.log"
  cmake --build "$work/build" -j "$threads" \
    --target llama-bench llama-batched-bench llama-quantize >> "$work/build.log"
fi
if [ ! -f "$work/bf16.gguf" ]; then
  "$bin/llama-quantize" --allow-requantize "$model" "$work/bf16.gguf" BF16 > "$work/quantize.log" 2>&1
fi

# CPU seconds of a command.
cpu() {
  local TIMEFORMAT='%U %S'
  { time "$@" > /dev/null 2>&1; } 2>&1 | awk '{ print $1 + $2 }'
}
# Tokens a CPU second: $1 tokens are what the second command does more than the first, '--' between.
cpu_rate() {
  local tokens=$1 first=() second=()
  shift
  while [ "$1" != -- ]; do first+=("$1"); shift; done
  shift
  second=("$@")
  awk -v t="$tokens" -v a="$(cpu "${first[@]}")" -v b="$(cpu "${second[@]}")" \
    'BEGIN { print t / (b - a) }'
}
peer_prefill() {
  local run=("$bin/llama-bench" -m "$work/bf16.gguf" -t "$threads" -p 512 -n 0 -o jsonl)
  if [ "$threads" = 1 ]; then
    cpu_rate 1536 "${run[@]}" -r 1 -- "${run[@]}" -r 4
  else
    "${run[@]}" -r 2 2> /dev/null | sed -n 's/.*"avg_ts": \([0-9.]*\).*/\1/p'
  fi
}
peer_decode() {  # BATCH NEW_TOKENS
  local run=("$bin/llama-batched-bench" -m "$work/bf16.gguf" -t "$threads" -c 16384 -npp 128
    -npl "$1" -pps --output-format jsonl)
  if [ "$threads" = 1 ]; then
    cpu_rate $(($1 * $2)) "${run[@]}" -ntg 2 -- "${run[@]}" -ntg $((2 + $2))
  else
    "${run[@]}" -ntg "$2" 2>&1 | sed -n 's/.*"speed_tg": \([0-9.]*\).*/\1/p'
  fi
}
our_rate() {
  local field=2
  if [ "$threads" = 1 ]; then field=4; fi
  "$ours" "$work/bf16.gguf" "$threads" "$precision" cpu "$@" 1 | awk -v f="$field" '{ print $f }'
}
median() { sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
compare() {  # NAME OUR_ARGUMENTS -- PEER_COMMAND
  local name=$1 mine=() log="$work/rates"
  shift
  while [ "$1" != -- ]; do mine+=("$1"); shift; done
  shift
  : > "$log"
  for ((round = 0; round < rounds; ++round)); do
    echo "$(our_rate "${mine[@]}") $("$@")" >> "$log"
  done
  awk '{ print $1, $2, $1 / $2 }' "$log" > "$log.ratios"
  printf '%-12s %-8s retort %7.1f  llama.cpp %7.1f  ratio %.2f  (%s rounds)\n' "$name" "$precision" \
    "$(cut -d' ' -f1 "$log.ratios" | median)" "$(cut -d' ' -f2 "$log.ratios" | median)" \
    "$(cut -d' ' -f3 "$log.ratios" | median)" "$rounds"
}

"$ours" "$work/bf16.gguf" "$threads" float32 cpu load
echo "llama-cpp-python $version, $threads threads, tokens a second of $(
  [ "$threads" = 1 ] && echo CPU || echo wall) time, load $(cut -d' ' -f1 /proc/loadavg)"
for precision in float32 bfloat16; do
  compare "prefill 512" prefill 512 -- peer_prefill
  compare "decode 1" decode 1 128 64 -- peer_decode 1 64
  compare "decode 16" decode 16 128 32 -- peer_decode 16 32
  compare "decode 64" decode 64 128 16 -- peer_decode 64 16
done
