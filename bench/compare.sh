#!/usr/bin/env bash
# fledge beside PyTorch eager on this machine, in one run: inference and training step of ResNet-18, ResNet-101 and MobileNet-0.25 at 224 px,
# batch 1, 8, 32, and the distillation step ResNet-101 -> ResNet-18; float32, same threads. Whole networks, random weights.
#
# usage: bench/compare.sh [--threads N] [--seconds S] [--python PYTHON] [--size PX] [--rounds N] [CASE...]
#   PYTHON has torch and torchvision (default python3); without them only fledge's column is printed.
# PyTorch runs in both layouts (nchw, nhwc) with an allocator that keeps its memory, and its faster one counts. fledge and PyTorch take turns
# (N rounds, default 2, the better median of each counts), so that a drifting machine harms both alike.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=${BUILD:-$here/../build}
threads=$(nproc) seconds=3 python=python3 size=224 rounds=2 cases=()
while [ $# -gt 0 ]; do
  case $1 in
    --threads) threads=$2; shift 2 ;;
    --seconds) seconds=$2; shift 2 ;;
    --python) python=$2; shift 2 ;;
    --size) size=$2; shift 2 ;;
    --rounds) rounds=$2; shift 2 ;;
    -h | --help) sed -n '2,9p' "$0"; exit 0 ;;
    *) cases+=("$1"); shift ;;
  esac
done
if [ ${#cases[@]} = 0 ]; then
  for mode in infer train; do
    for model in resnet18 resnet101 mobilenet_v1:0.25; do
      for batch in 1 8 32; do cases+=("$mode:$model:$batch"); done
    done
  done
  cases+=(distill:resnet101:resnet18:32)
fi
[ -x "$build/bench/bench_models" ] || { echo "no $build/bench/bench_models: build first with scripts/build.sh" >&2; exit 2; }
have_torch=yes
"$python" -c 'import torch, torchvision' 2>/dev/null || { have_torch=no; echo "PyTorch not found by '$python': fledge only (name one with --python)"; }

ours() { OMP_NUM_THREADS=$threads "$build/bench/bench_models" "$1" --threads "$threads" --seconds "$seconds" --size "$size"; }
peer() {
  OMP_NUM_THREADS=$threads MALLOC_MMAP_THRESHOLD_=8589934592 MALLOC_TRIM_THRESHOLD_=17179869184 MALLOC_TOP_PAD_=268435456 \
    "$python" "$here/torch_peer.py" "$1" --threads "$threads" --seconds "$seconds" --size "$size" --layout "$2"
}

echo "ms per image at $size px (median of the best of $rounds round(s)), $threads thread(s), $(lscpu | sed -n 's/^Model name: *//p')"
[ $have_torch = yes ] && "$python" -c 'import torch; print("PyTorch", torch.__version__, "eager, float32, the faster of nchw and nhwc")'
printf '%-34s %10s %10s %7s %10s %10s %6s\n' case fledge torch ratio "fledge MiB" "torch MiB" layout
for c in "${cases[@]}"; do
  {
    for ((round = 0; round < rounds; ++round)); do
      echo "fledge - $(ours "$c")"
      if [ $have_torch = yes ]; then
        for layout in nchw nhwc; do echo "torch $layout $(peer "$c" $layout)"; done
      fi
    done
  } | awk -v c="$c" '
    { key = $1 " " $2; ms = $4; if (!(key in best) || ms < best[key]) { best[key] = ms; mib[key] = $7 } }
    END {
      f = best["fledge -"]; fm = mib["fledge -"]
      t = best["torch nchw"]; tm = mib["torch nchw"]; l = "nchw"
      if (best["torch nhwc"] != "" && best["torch nhwc"] < t) { t = best["torch nhwc"]; tm = mib["torch nhwc"]; l = "nhwc" }
      if (t == "") printf "%-34s %10.3f %10s %7s %10d\n", c, f, "-", "-", fm
      else printf "%-34s %10.3f %10.3f %6.2fx %10d %10d %6s\n", c, f, t, t / f, fm, tm, l
    }'
done
echo "ratio: PyTorch's time over fledge's; above 1 fledge is faster"
