#!/usr/bin/env bash
# Configures once and builds: build.sh FOLDER JOBS TARGET [cmake flags...].
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$1 jobs=$2 target=$3
shift 3
cmake -S . -B "$folder" -G Ninja "$@" >"${TMPDIR:-/tmp}/retort-cmake.$$" 2>&1 || {
  cat "${TMPDIR:-/tmp}/retort-cmake.$$" >&2
  exit 1
}
rm -f "${TMPDIR:-/tmp}/retort-cmake.$$"
ninja -C "$folder" -j "$jobs" "$target" --quiet
