#!/usr/bin/env bash
# The main job on real pictures, from nothing: installs what is missing, builds, then trains on Fashion-MNIST a small
# ResNet teacher, a MobileNet-0.25 student alone, and the same student with the absolute and the relative teacher;
# prints Recall@1,2,4,8 among new pictures, and whether each row lies where a right build's does (quickstart.tsv). Some
# minutes on 2 cores. A second run skips what is done.
#
# usage: scripts/quickstart.sh [BUILD_FOLDER]     (default build; the runs go to runs/quickstart)
# Exit code 1: a row lies elsewhere. QUICKSTART_FLAGS adds flags to all four, e.g. "--seed 1 --threads 1"; FLEDGE_RUNS
# names another folder for the runs.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:-build}
scripts/build.sh "$build" fledge
fledge=$build/apps/fledge
runs=${FLEDGE_RUNS:-runs/quickstart}
read -ra flags <<<"${QUICKSTART_FLAGS:-}"
start=$(date +%s)
train() { "$fledge" "$@" --resume auto ${flags[@]+"${flags[@]}"} >/dev/null; }
echo "== 1/4 teacher: ResNet-18 of a quarter of the width"
train train --preset fashion-mnist/teacher --run "$runs/teacher"
echo "== 2/4 student alone: MobileNet-0.25"
train train --preset fashion-mnist/alone --run "$runs/alone"
echo "== 3/4 the same student with the absolute teacher"
train distill --preset fashion-mnist/absolute --teacher "$runs/teacher" --run "$runs/absolute"
echo "== 4/4 the same student with the relative teacher"
train distill --preset fashion-mnist/relative --teacher "$runs/teacher" --run "$runs/relative"
echo
echo "Fashion-MNIST, 48,000 or 96,000 training pictures seen, retrieval among the 10,000 test pictures (each against all others), percent:"
"$fledge" eval "$runs/teacher" "$runs/alone" "$runs/absolute" "$runs/relative"
echo
elsewhere=0
while IFS=$'\t' read -r row measure low high; do
  [[ $row != \#* ]] || continue
  recall=$(grep -o "\"$measure\":[0-9.]*" "$runs/$row/metrics.json" | cut -d: -f2)
  if awk -v r="$recall" -v low="$low" -v high="$high" 'BEGIN { exit !(100 * r >= low && 100 * r <= high) }'; then
    echo "$row: $measure lies between $low and $high, as it should"
  else
    echo "$row: $measure lies NOT between $low and $high, where those of a right build do"
    elsewhere=1
  fi
done <scripts/quickstart.tsv
echo "done in $(( $(date +%s) - start )) s"
[ $elsewhere = 0 ] || echo "Something is wrong with this build or machine, if no flags were added: run scripts/test.sh, and report it with what $fledge doctor says."
exit $elsewhere
