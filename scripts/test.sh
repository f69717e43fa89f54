#!/usr/bin/env bash
# Installs what is missing, builds, and runs the whole test suite. usage: scripts/test.sh [BUILD_FOLDER]
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:-build}
scripts/build.sh "$build"
ctest --test-dir "$build" --output-on-failure --no-tests=error
