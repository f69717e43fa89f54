#!/usr/bin/env bash
# Builds the readers of io and their tests with AddressSanitizer and UndefinedBehaviorSanitizer (tests/fuzz/CMakeLists.txt: without oneDNN and the
# fast kernels, so it takes a minute or two), and runs the attack corpus, the cut and bit-flipped files, the fixtures and the safetensors tests.
#
# usage: scripts/sanitize.sh [TEST...]      (Catch2 names or tags; default: all of them)
# CXX picks the compiler (default g++). Files go to build-sanitize.
set -euo pipefail
cd "$(dirname "$0")/.."
build=build-sanitize
mkdir -p "$build"
cmake -S tests/fuzz -B "$build" -G Ninja -DCMAKE_CXX_COMPILER="${CXX:-g++}" >"$build/configure.log" 2>&1 || { tail -30 "$build/configure.log" >&2; exit 1; }
cmake --build "$build" --target test_hostile | tail -1
export UBSAN_OPTIONS=print_stacktrace=1 ASAN_OPTIONS=detect_stack_use_after_return=1:allocator_may_return_null=0
"$build/test_hostile" "$@"
