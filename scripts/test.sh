#!/usr/bin/env bash
# Installs what is missing, builds, and runs the whole test suite. usage: scripts/test.sh [BUILD_FOLDER]
# The GPU module, where the CUDA toolkit is, is built for one compute capability: a development build.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:-build}
FLEDGE_CUDA_TARGETS=${FLEDGE_CUDA_TARGETS:-90} scripts/build.sh "$build"
# The tests write thousands of small files and wait for the disk at each: in memory, where there is room, they need not.
room=$(df --output=avail -k /dev/shm 2>/dev/null | tail -1) || room=0
[ -n "${TMPDIR:-}" ] || [ ! -w /dev/shm ] || [ "$room" -lt 4000000 ] || export TMPDIR=/dev/shm
# Programs side by side: threads that wait must not take the core of one that works.
OMP_WAIT_POLICY=passive ctest --test-dir "$build" --parallel "$(nproc)" --output-on-failure --no-tests=error
