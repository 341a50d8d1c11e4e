#!/usr/bin/env bash
# clang-format and clang-tidy over every source, from the compile commands of a build folder:
# lint.sh FOLDER JOBS.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$1 jobs=$2
git ls-files -z '*.h' '*.cc' '*.cu' | xargs -0 clang-format --dry-run --Werror
# GCC's precompiled headers and some of its flags mean nothing to clang.
mkdir -p "$folder/tidy"
sed -E 's/-fpch-preprocess|-Winvalid-pch|-Wno-restrict|-Wno-stringop-overflow|-include [^ ]*cmake_pch\.hxx//g' \
  "$folder/compile_commands.json" >"$folder/tidy/compile_commands.json"
# Sources for CUDA are in a CUDA build's commands alone.
git ls-files -z '*.cc' ':!tests' ':!bench' ':(exclude,glob)**/cuda_*.cc' | xargs -0 -n 1 -P "$jobs" clang-tidy --quiet -p "$folder/tidy"
echo "lint: clean"
