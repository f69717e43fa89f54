#!/usr/bin/env bash
# Runs that are killed and stopped at random moments, resumed, and compared byte by byte with an undisturbed one;
# then 2,000 steps whose memory must not grow.
#
# usage: scripts/soak.sh [RUNS] [BUILD_FOLDER]      (default 100 runs of three kills, 100 signals; build)
set -euo pipefail
cd "$(dirname "$0")/.."
FLEDGE_SOAK_RUNS=${1:-100} "${2:-build}/tests/faults/test_faults" "[.soak]"
