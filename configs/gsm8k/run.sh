#!/usr/bin/env bash
# SmolLM2-135M on GSM8K: run.sh [full|gpu|smoke] [RETORT [flags of retort run]]. Exits 77 where
# GSM8K's files do not stand beside the repository. `gpu` is `full` with batches that fill a GPU, for
# the program of `make cuda`. `smoke` runs every stage on a few problems, in minutes; nothing can be
# learnt from its accuracies.
set -euo pipefail
cd "$(dirname "$0")/../.."
profile=${1:-full}
retort=${2:-build/pipeline/retort}
shift $(($# < 2 ? $# : 2))
for file in train test; do
  if [ ! -e "../shared/data/gsm8k/$file.jsonl" ]; then
    echo "SKIPPED: gsm8k: no ../shared/data/gsm8k/$file.jsonl" >&2
    exit 77
  fi
done
bash cmake/fetch_smollm2.sh
overrides=()
if [ "$profile" = gpu ]; then
  for stage in generate.search eval.verdict; do
    overrides+=("$stage.in_flight=128" "$stage.engine.max_batch=1024" "$stage.engine.kv_memory_mb=16384")
  done
fi
if [ "$profile" = smoke ]; then
  overrides=(name=gsm8k-smoke problems.search.count=48 problems.gold.count=48 problems.dev.count=8
    train.student.steps=6 train.student.batch_size=4 train.student.eval_every=6
    train.gold_only.steps=6 train.gold_only.batch_size=4 train.gold_only.eval_every=6
    eval.verdict.limit=16 eval.verdict.latency.problems=1)
fi
exec "$retort" run configs/gsm8k/smollm2.yaml "$@" "${overrides[@]}"
