# Entry points for people. Everything below also works step by step; see README.md.
# Paths stay relative, so a checkout whose own path holds spaces works.

SHELL := /bin/bash
BUILD ?= build
BUILD_TYPE ?= Release
JOBS ?= $(shell nproc)
CMAKE_FLAGS ?=
BENCH_RUN = configs/ring_sort/quickstart.yaml --runs "$(BUILD)/bench/runs" eval.verdict.limit=200 \
  train.student.steps=500 train.gold_only.steps=500
SANITIZERS := address,undefined thread
SECONDS := 300

.PHONY: help quickstart test test-long build deps lint format bench sanitize fuzz cuda test-gpu clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

deps: ## install missing Debian packages and unpack the pinned LibTorch into .deps/
	@bash cmake/install_packages.sh build
	@bash cmake/fetch_libtorch.sh

build: deps ## build the retort program
	@bash cmake/build.sh "$(BUILD)" "$(JOBS)" retort -DCMAKE_BUILD_TYPE=$(BUILD_TYPE) $(CMAKE_FLAGS)

quickstart: build ## the whole pipeline on the shipped teacher: search, filter, train, verdict
	@"./$(BUILD)/pipeline/retort" run configs/ring_sort/quickstart.yaml

test: deps ## build everything and run every test but the long ones
	@bash cmake/install_packages.sh test
	@bash cmake/build.sh "$(BUILD)" "$(JOBS)" all -DCMAKE_BUILD_TYPE=$(BUILD_TYPE) $(CMAKE_FLAGS)
	@ctest --test-dir "$(BUILD)" -j "$(JOBS)" -LE long --output-on-failure --no-tests=error

test-long: test ## the tests that take minutes each: a real model on real problems
	@ctest --test-dir "$(BUILD)" -L long --output-on-failure

lint: deps ## clang-format and clang-tidy over every source
	@bash cmake/install_packages.sh lint
	@bash cmake/build.sh "$(BUILD)" "$(JOBS)" retort -DCMAKE_BUILD_TYPE=$(BUILD_TYPE) $(CMAKE_FLAGS)
	@bash cmake/lint.sh "$(BUILD)" "$(JOBS)"

format: ## rewrite every source with clang-format
	@git ls-files -z '*.h' '*.cc' '*.cu' | xargs -0 clang-format -i

bench: deps ## speed as ratios to named peers: engine, prefix sharing, reader and writer rates, stage memory
	@bash cmake/build.sh "$(BUILD)" "$(JOBS)" bench -DCMAKE_BUILD_TYPE=$(BUILD_TYPE) $(CMAKE_FLAGS)
	@for b in engine store; do echo "== $${b}_bench"; "$(BUILD)/bench/$${b}_bench" || exit 1; done
	@echo "== stages of a short quickstart: seconds, peak memory"
	@rm -rf "$(BUILD)/bench/runs"
	@"$(BUILD)/pipeline/retort" run $(BENCH_RUN) >/dev/null 2>"$(BUILD)/bench/run.log" || \
	  { cat "$(BUILD)/bench/run.log"; exit 1; }
	@"$(BUILD)/pipeline/retort" status $(BENCH_RUN)

sanitize: deps ## build with each sanitizer and run the tests: make sanitize [SANITIZERS=thread]
	@bash cmake/install_packages.sh test
	@for s in $(SANITIZERS); do \
	  folder="build-$${s//,/-}"; bash cmake/build.sh "$$folder" "$(JOBS)" all -DCMAKE_BUILD_TYPE=RelWithDebInfo -DRETORT_SANITIZE=$$s && \
	  LSAN_OPTIONS="suppressions='$(CURDIR)/tests/sanitizers/leaks.txt'" \
	  TSAN_OPTIONS="suppressions='$(CURDIR)/tests/sanitizers/threads.txt'" \
	  ctest --test-dir "$$folder" -j "$(JOBS)" -LE long --output-on-failure || exit 1; done

fuzz: ## run every fuzz program over the readers of foreign bytes (clang): make fuzz [SECONDS=300]
	@bash cmake/install_packages.sh fuzz
	@bash cmake/fuzz.sh build-fuzz "$(JOBS)" "$(SECONDS)"

cuda: deps ## build for one GPU in build-cuda/ (needs the CUDA toolkit)
	@bash cmake/fetch_libtorch.sh cuda
	@bash cmake/build.sh build-cuda "$(JOBS)" retort -DCMAKE_BUILD_TYPE=$(BUILD_TYPE) -DRETORT_CUDA=ON $(CMAKE_FLAGS)

test-gpu: cuda ## the tests that need a GPU; they skip where there is none
	@bash cmake/install_packages.sh test
	@bash cmake/build.sh build-cuda "$(JOBS)" lm_test -DCMAKE_BUILD_TYPE=$(BUILD_TYPE) -DRETORT_CUDA=ON $(CMAKE_FLAGS)
	@ninja -C build-cuda -j "$(JOBS)" train_test
	@for t in lm train; do "build-cuda/tests/$${t}_test" --gtest_filter='*Cuda*' --gtest_brief=1 || exit 1; done

clean: ## remove build folders (not .deps, not runs)
	@rm -rf build build-*
