#!/usr/bin/env bash
# Kills and failing calls at EVERY call of a whole run (the tests do one save of it): a quarter of an hour on a quiet
# machine. Random kills, random signals and a long run: scripts/soak.sh. Needs nothing but the build.
#
# usage: scripts/faults.sh [BUILD_FOLDER] [TEST...]      (default build; Catch2 names or tags)
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:-build}
FLEDGE_FAULT_ALL=1 "$build/tests/faults/test_faults" "${@:2}"
