#!/usr/bin/env bash
# Unpacks the pinned, hash-checked LibTorch wheel into .deps/: fetch_libtorch.sh [cuda].
# `cuda` adds the CUDA libraries that LibTorch wants and a CUDA toolkit folder does not hold.
# Does nothing when LIBTORCH_ROOT names a LibTorch, or when .deps/ holds the pinned one.
set -euo pipefail
cd "$(dirname "$0")/.."

kind=${1:-cpu}
list=cmake/libtorch.txt
[ "$kind" = cuda ] && list=cmake/libtorch_cuda.txt
if [ "$kind" = cpu ] && [ -n "${LIBTORCH_ROOT:-}" ]; then
  [ -e "$LIBTORCH_ROOT/lib/libtorch_cpu.so" ] && exit 0
  echo "retort: LIBTORCH_ROOT=$LIBTORCH_ROOT has no lib/libtorch_cpu.so - unset it or point it at a LibTorch folder" >&2
  exit 69
fi
stamp=.deps/$kind.stamp
if [ -e "$stamp" ] && cmp -s "$stamp" "$list"; then exit 0; fi

echo "fetching LibTorch ($kind): some 0.5 GB (cpu) or 0.2 GB (cuda), once, into .deps/"
mkdir -p .deps
work=$(mktemp -d .deps/fetch.XXXXXX)
trap 'rm -rf "$work"' EXIT
python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
  --require-hashes --python-version 3.11 --implementation cp --abi cp311 --abi none \
  --platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 --platform manylinux_2_25_x86_64 \
  --platform manylinux_2_24_x86_64 --platform manylinux_2_18_x86_64 \
  --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 --platform any \
  --dest "$work" -r "$list" || {
    echo "retort: could not download what $list pins - check the network, or set LIBTORCH_ROOT" >&2
    exit 69
  }
for wheel in "$work"/*.whl; do
  unzip -q -o "$wheel" 'torch/lib/*' 'torch/include/*' 'nvidia/*' -d .deps 2>/dev/null || [ $? -eq 11 ]
done
cp "$list" "$stamp"
