#!/usr/bin/env bash
# Configures and builds into BUILD_FOLDER (default build). usage: scripts/build.sh [BUILD_FOLDER] [TARGET...]
# FLEDGE_CUDA_TARGETS: compute capabilities of the GPU module, e.g. "80;90" (default: all that are supported).
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:-build}; shift || true
scripts/dependencies.sh "$build"
cmake -S . -B "$build" -G Ninja -DFLEDGE_CUDA_TARGETS="${FLEDGE_CUDA_TARGETS:-}" >"$build/configure.log" 2>&1 || { tail -30 "$build/configure.log" >&2; exit 1; }
grep -E '^-- (GPU module|fledge)' "$build/configure.log" || true
cmake --build "$build" --parallel "$(nproc)" ${1:+--target "$@"}
