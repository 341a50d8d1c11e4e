#!/usr/bin/env bash
# Configures once and builds: build.sh FOLDER JOBS TARGET [cmake flags...].
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$1 jobs=$2 target=$3
shift 3
[ -e "$folder/build.ninja" ] || echo "building in $folder/: some ten minutes on two cores, once"
cmake -S . -B "$folder" -G Ninja "$@" >"${TMPDIR:-/tmp}/retort-cmake.$$" 2>&1 || {
  cat "${TMPDIR:-/tmp}/retort-cmake.$$" >&2
  exit 1
}
rm -f "${TMPDIR:-/tmp}/retort-cmake.$$"
if [ -t 1 ]; then
  ninja -C "$folder" -j "$jobs" "$target"
else  # every 25th step, and whatever compilers say
  ninja -C "$folder" -j "$jobs" "$target" |
    awk '!/^\[[0-9]+\/[0-9]+\] / || ++steps % 25 == 0 { print; fflush() }'
fi
