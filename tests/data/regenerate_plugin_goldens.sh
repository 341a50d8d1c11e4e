#!/usr/bin/env bash
# Writes generate/trees.json, filter/reasons.json, filter/examples.json and train/objectives.json
# anew from the built test programs. Exact values, no tolerance: they hold for every compiler and
# machine; losses alone have a relative tolerance of 1e-5. Read the diff before you commit it.
# Usage: tests/data/regenerate_plugin_goldens.sh [BUILD_FOLDER]
set -euo pipefail
build="${1:-build}"
export RETORT_WRITE_GOLDENS=1
"$build/tests/generate_test" --gtest_filter='StrategyGolden.*'
"$build/tests/filter_test" --gtest_filter='FilterGolden.*'
"$build/tests/train_test" --gtest_filter='ObjectiveGolden.*'
