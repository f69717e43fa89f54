#!/usr/bin/env bash
# The main job on real pictures, from nothing: installs what is missing, builds, then trains on Fashion-MNIST (classes 0-4) a small ResNet
# teacher, a MobileNet-0.25 student alone, and the same student with the absolute and the relative teacher; prints Recall@1,2,4,8 on the unseen
# classes 5-9. A few minutes on 2 cores. A second run skips what is done.
#
# usage: scripts/quickstart.sh [BUILD_FOLDER]     (default build; the runs go to runs/quickstart)
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:-build}
scripts/build.sh "$build" fledge
fledge=$build/apps/fledge
runs=runs/quickstart
start=$(date +%s)
echo "== 1/4 teacher: ResNet-18 of a quarter of the width"
"$fledge" train --preset fashion-mnist/teacher --run "$runs/teacher" --resume auto >/dev/null
echo "== 2/4 student alone: MobileNet-0.25"
"$fledge" train --preset fashion-mnist/alone --run "$runs/alone" --resume auto >/dev/null
echo "== 3/4 the same student with the absolute teacher"
"$fledge" distill --preset fashion-mnist/absolute --teacher "$runs/teacher" --run "$runs/absolute" --resume auto >/dev/null
echo "== 4/4 the same student with the relative teacher"
"$fledge" distill --preset fashion-mnist/relative --teacher "$runs/teacher" --run "$runs/relative" --resume auto >/dev/null
echo
echo "Fashion-MNIST, trained on classes 0-4, retrieval among the unseen classes 5-9 (5,000 test pictures, each against all others), percent:"
"$fledge" eval "$runs/teacher" "$runs/alone" "$runs/absolute" "$runs/relative"
echo "done in $(( $(date +%s) - start )) s"
