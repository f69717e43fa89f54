#!/usr/bin/env bash
# Configures and builds into BUILD_FOLDER (default build). usage: scripts/build.sh [BUILD_FOLDER] [TARGET...]
# FLEDGE_CUDA_TARGETS: compute capabilities of the GPU module, e.g. "80;90" (default: all that are supported).
# FLEDGE_UNITY=OFF: a folder for editing. A new one compiles each folder of sources as one file, which takes less than
# half the time from nothing, but more after each change.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:-build}; shift || true
scripts/dependencies.sh "$build"
[ -n "${FLEDGE_UNITY:-}" ] || [ -e "$build/CMakeCache.txt" ] || FLEDGE_UNITY=ON
cmake -S . -B "$build" -G Ninja ${FLEDGE_UNITY:+-DFLEDGE_UNITY="$FLEDGE_UNITY"} -DFLEDGE_CUDA_TARGETS="${FLEDGE_CUDA_TARGETS:-}" >"$build/configure.log" 2>&1 || { tail -30 "$build/configure.log" >&2; exit 1; }
grep -E '^-- (GPU module|fledge)' "$build/configure.log" || true
cmake --build "$build" --parallel "$(nproc)" ${1:+--target "$@"}
