#!/usr/bin/env bash
# Fuzzes the readers of external files (tests/fuzz): builds libFuzzer targets with clang and runs each for some seconds,
# two at a time, from their seeds: tests/fuzz/seeds/TARGET, the attack corpus, files of other tests, and, where they
# are, the small shared fixtures. Leaves with 1 and the place of the reproducer on a finding.
#
# usage: scripts/fuzz.sh [SECONDS] [TARGET...]      (default: 60 seconds each of all targets of tests/fuzz/README.md)
# What the fuzzer found interesting stays in build-fuzz/corpus/TARGET, and the next run goes on from there.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}; shift || true
weights=(pickle stacked zip tar safetensors index)
others=(jpeg png bmp webp mat pack csv toml state manifest npy table)
targets=("$@"); [ ${#targets[@]} -gt 0 ] || targets=("${weights[@]}" "${others[@]}")
build=build-fuzz
shared=${FLEDGE_SHARED:-../shared}

clang=$(command -v clang++ || command -v clang++-14 || true)
has_fuzzer() { [ -e "$("$clang" -print-file-name=libclang_rt.fuzzer-x86_64.a)" ] || [ -e "$("$clang" -print-runtime-dir)/libclang_rt.fuzzer-x86_64.a" ]; }
if [ -z "$clang" ] || ! has_fuzzer; then
  echo "fuzz: left out: no clang with libFuzzer"
  exit 0
fi
mkdir -p "$build"
cmake -S tests/fuzz -B "$build" -G Ninja -DFLEDGE_FUZZ=ON -DCMAKE_CXX_COMPILER="$clang" >"$build/configure.log" 2>&1 || { tail -30 "$build/configure.log" >&2; exit 1; }
cmake --build "$build" --target "${targets[@]/#/fuzz_}" | tail -1

# Links, because libFuzzer takes folders only.
seeds=$build/seeds
rm -rf "$seeds"
link() { mkdir -p "$seeds/$1"; local to=$1; shift; ln -sf -t "$seeds/$to" "$@"; }
# Of the corpus without the files that unfold to the reader's limits: their mutants do too, and take the time.
mkdir -p "$seeds/weights"
find "$PWD/$build/attack-corpus/files" -type f ! -name '*laughs*' -exec ln -s -t "$seeds/weights" {} +
if [ -d "$shared/fixtures" ]; then
  find -L "$(realpath "$shared")/fixtures" -maxdepth 1 -type f -size -24k \( -name '*.pth' -o -name '*.pkl' -o -name '*.safetensors' \) -exec ln -s -t "$seeds/weights" {} +
fi
for target in "${weights[@]}"; do ln -s weights "$seeds/$target"; done
for folder in tests/fuzz/seeds/*/; do link "$(basename "$folder")" "$PWD/$folder"*; done
link mat "$PWD"/tests/data/layouts/cars_?/*.mat "$PWD"/tests/data/layouts/cars_?/devkit/*.mat
link csv "$PWD"/tests/data/layouts/*/*.csv
link toml "$PWD"/apps/presets/*/*.toml
link state "$PWD"/tests/apps/checkpoints/*/checkpoints/*/state.json
link manifest "$PWD"/tests/apps/checkpoints/*/checkpoints/*/MANIFEST
run() {  # one target; its output goes to a log
  local target=$1 log=$build/fuzz_$1.log words=tests/fuzz/$1.dict
  [ -e "$words" ] || words=tests/fuzz/weights.dict
  mkdir -p "$build/corpus/$target" "$build/findings"
  if "$build/fuzz_$target" -max_total_time="$seconds" -max_len=24576 -timeout=25 -rss_limit_mb=2048 -malloc_limit_mb=256 "-dict=$words" \
      -print_final_stats=1 -artifact_prefix="$build/findings/$target-" "$build/corpus/$target" "$seeds/$target" >"$log" 2>&1; then
    echo "fuzz_$target: no finding; $(grep -o 'cov: [0-9]*' "$log" | tail -1 | sed 's/cov: //') edges, $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") runs"
  else
    echo "fuzz_$target: FINDING, see $log"
    grep -E '^(finding|SUMMARY|ERROR|==[0-9]+==ERROR|.*runtime error|.*Test unit written to)' "$log" || tail -5 "$log"
    return 1
  fi
}
failed=0
running=()
for target in "${targets[@]}"; do
  run "$target" & running+=($!)
  if [ ${#running[@]} -ge 2 ]; then wait "${running[0]}" || failed=1; running=("${running[@]:1}"); fi
done
for job in "${running[@]}"; do wait "$job" || failed=1; done
if [ "$failed" = 1 ]; then echo "fuzz: a finding; give the file after 'Test unit written to' to build-fuzz/fuzz_TARGET to see it again"; fi
exit "$failed"
