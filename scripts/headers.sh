#!/usr/bin/env bash
# Does every header compile alone, with what it includes itself? Precompiled headers would hide that it does not.
# Headers of the GPU's folders need nvcc's and are compiled with the module.
#
# usage: scripts/headers.sh [BUILD_FOLDER]     (default build: where scripts/dependencies.sh put oneDNN)
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:-build}
flags=(-std=c++20 -fsyntax-only -fopenmp -Wall -Wextra -I. "-I$build/deps/onednn/include")
flags+=(-DFLEDGE_SOURCE_DIR=\"\" -DFLEDGE_BINARY=\"\")  # of tests
simd=(-mavx2 -mfma -DFLEDGE_ISA=avx2 -DFLEDGE_VEC_BYTES=32)  # of kernels/cpu/simd, compiled once per instruction set
alone() {
  [[ $1 != kernels/cpu/simd/* ]] || flags+=("${simd[@]}")
  "${CXX:-g++}" "${flags[@]}" -x c++ -include "$1" /dev/null || { echo "headers: $1 does not compile alone" >&2; return 1; }
}
export -f alone
export CXX
headers=$(git ls-files '*.h' ':!kernels/cuda' ':!kernels/cudnn' ':!tests/cuda' ':!tests/cudnn')
jobs=$(nproc)
printf '%s\n' $headers | xargs -P "$jobs" -I{} bash -c "$(declare -p flags simd); alone {}"
echo "headers: $(wc -w <<<"$headers") headers compile alone"
