#!/usr/bin/env bash
# The main job on one data set, for several seeds: a teacher, the student alone, with the absolute teacher, with the relative teacher; then the
# table of Recall@K on the unseen classes, mean and spread over the seeds. Goes on where it was stopped.
#
# usage: scripts/experiment.sh cars196  CARS_FOLDER WEIGHTS_FOLDER [SEEDS]      (ImageNet MobileNet-0.75 and -0.25 weights in WEIGHTS_FOLDER)
#        scripts/experiment.sh omniglot OMNIGLOT_FOLDER [SEEDS]                 (from scratch)
# SEEDS: default "0 1 2". The data folder holds train/ and test/, one folder a class. Runs go to runs/NAME/KIND-SEED.
# FLEDGE (default build/apps/fledge), RUNS (default runs) and THREADS (default all) in the environment change where and how.
set -euo pipefail
cd "$(dirname "$0")/.."
name=${1:?"usage: scripts/experiment.sh cars196|omniglot FOLDER ..."} data=${2:?"which folder holds train/ and test/?"}
shift 2
fledge=${FLEDGE:-build/apps/fledge} runs=${RUNS:-runs}/$name
teacher_weights=() student_weights=()
if [ "$name" = cars196 ]; then
  weights=${1:?"which folder holds the ImageNet weights?"}; shift
  teacher_weights=(--weights "$weights/mobilenet_v1_0.75_imagenet_keras.safetensors")
  student_weights=(--weights "$weights/mobilenet_v1_0.25_imagenet.safetensors")
fi
all=()
for seed in ${1:-0 1 2}; do
  common=(--train "$data/train" --test "$data/test" --seed "$seed" --threads "${THREADS:-0}" --resume auto)
  "$fledge" train --preset "$name/teacher" "${common[@]}" "${teacher_weights[@]}" --run "$runs/teacher-$seed" >/dev/null
  "$fledge" train --preset "$name/alone" "${common[@]}" "${student_weights[@]}" --run "$runs/alone-$seed" >/dev/null
  for kind in absolute relative; do
    "$fledge" distill --preset "$name/$kind" "${common[@]}" "${student_weights[@]}" --teacher "$runs/teacher-$seed" --run "$runs/$kind-$seed" >/dev/null
  done
  for kind in teacher alone absolute relative; do all+=("$runs/$kind-$seed"); done
done
"$fledge" eval --spread "${all[@]}"
