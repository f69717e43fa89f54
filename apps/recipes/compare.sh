#!/usr/bin/env bash
# The whole comparison on one data set: teachers, the student alone, and the same student with each way of distillation,
# in the same number of steps; then the table of Recall@K on unseen classes, which is also written into RESULTS.md
# between its markers. Goes on where it was stopped.
#
# usage: apps/recipes/compare.sh cars196  CARS_FOLDER WEIGHTS_FOLDER
#        apps/recipes/compare.sh omniglot OMNIGLOT_FOLDER WEIGHTS_FOLDER
#        JOBS=1 WORKERS=8 apps/recipes/compare.sh cars196-gpu CARS_FOLDER WEIGHTS_FOLDER      (needs a GPU)
# WEIGHTS_FOLDER: ImageNet weights of MobileNet-0.75 and -0.25 (omniglot, which trains from random weights, needs them
# for its untrained row only).
# The data folder holds train/ and test/, one folder a class. Runs go to runs/NAME/ROW-SEED; rows and their
# flags: apps/recipes/NAME.rows. In the environment: FLEDGE (default build/apps/fledge), RUNS (default runs),
# JOBS (runs at a time, one thread each; default: cores), WORKERS (decoding threads a run; default 1), RESULTS
# (the file whose table is replaced; empty: none).
set -euo pipefail
cd "$(dirname "$0")/../.."
name=${1:?"usage: apps/recipes/compare.sh cars196|omniglot FOLDER [WEIGHTS]"} data=${2:?"which folder holds train/ and test/?"}
export FLEDGE=${FLEDGE:-build/apps/fledge} RUN_ROOT=${RUNS:-runs}/$name DATA=$data WEIGHTS=${3:-} NAME=$name WORKERS=${WORKERS:-1}
jobs=${JOBS:-$(nproc)} results=${RESULTS-RESULTS.md} rows=apps/recipes/$name.rows
[ -f "$rows" ] || { echo "compare: no recipe '$name'; there are: $(cd apps/recipes && ls ./*.rows | sed 's#./##; s/\.rows//' | tr '\n' ' ')" >&2; exit 2; }
if grep -v '^#' "$rows" | grep -q '@WEIGHTS' && [ -z "$WEIGHTS" ]; then echo "compare: which folder holds the ImageNet weights?" >&2; exit 2; fi
mkdir -p "$RUN_ROOT"

# One run: ROW SEED VERB FLAGS. Its messages go to ROW-SEED.txt beside its folder. 'eval' measures weights
# as they are: a run folder of metrics alone.
one() {
  local row=$1 seed=$2 verb=$3; shift 3
  local run=$RUN_ROOT/$row-$seed flags=()
  read -ra flags <<<"$(sed "s#@DATA#$DATA#g; s#@WEIGHTS#$WEIGHTS#g; s#@RUNS#$RUN_ROOT#g; s#@SEED#$seed#g" <<<"$*")"
  if [ "$verb" = eval ]; then
    mkdir -p "$run"
    if "$FLEDGE" eval "${flags[@]}" --threads 1 --workers "$WORKERS" --json >"$run/metrics.new" 2>"$run.txt"; then
      mv "$run/metrics.new" "$run/metrics.json"; echo "$(date +%H:%M:%S) done $row-$seed"; return
    fi
    echo "compare: $row-$seed failed, see $run.txt:" >&2; tail -3 "$run.txt" >&2; return 1
  fi
  if "$FLEDGE" "$verb" "${flags[@]}" --seed "$seed" --threads 1 --workers "$WORKERS" --resume auto --run "$run" >"$run.txt" 2>&1; then
    echo "$(date +%H:%M:%S) done $row-$seed"
  else
    echo "compare: $row-$seed failed, see $run.txt:" >&2; tail -3 "$run.txt" >&2; return 1
  fi
}
export -f one

# Lines of the recipe: ROW | SEEDS | VERB | FLAGS | what the table says. Teachers first: the others need them.
list() { awk -F' *[|] *' -v teachers="$1" '!/^#/ && NF >= 5 && (($1 ~ /^teacher/) == teachers) { n = split($2, s, " "); for (i = 1; i <= n; ++i) print s[i], $1, $3, $4 }' "$rows" | sort -s -n -k1,1; }
start=$(date +%s)
for teachers in 1 0; do
  list "$teachers" | tr '\n' '\0' | xargs -0 -P "$jobs" -I LINE bash -c 'set -- LINE; one "$2" "$1" "$3" "${@:4}"'
done
echo "all runs are there; this call took $(( $(date +%s) - start )) s"

mapfile -t all < <(awk -F' *[|] *' -v root="$RUN_ROOT" '!/^#/ && NF >= 5 { n = split($2, s, " "); for (i = 1; i <= n; ++i) print root "/" $1 "-" s[i] }' "$rows")
"$FLEDGE" eval --spread "${all[@]}" | tee "$RUN_ROOT/table.txt"
apps/recipes/table.sh "$rows" "$RUN_ROOT/table.txt" >"$RUN_ROOT/table.md"
if [ -n "$results" ]; then apps/recipes/fill.sh "$name" "$RUN_ROOT/table.md" "$results"; fi
