#!/usr/bin/env bash
# Does every header that a change may have broken, and every source that differs from main (scripts/changed.sh), compile
# alone, with what it includes itself? A header is looked at if it differs, or one that it includes. Precompiled headers and folders compiled as one file would hide that it does not. Left out are the sources of
# tests, and the GPU's folders, whose headers need nvcc's and are compiled with the module.
#
# usage: scripts/headers.sh [BUILD_FOLDER [PATH...]]     BUILD_FOLDER (default build): where scripts/dependencies.sh put
#                                                        oneDNN; PATH: all headers of these folders (`.`: of all)
#
# Most of the work is to read the standard library. So a few lists of its headers ("stems") are precompiled, and a file of
# ours is compiled behind a stem only if it includes, itself or through ours, everything in that stem: what it lacks is
# lacking still.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:-build}; shift || true
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
flags=(-std=c++20 -fopenmp -Wall -Wextra -I. "-I$build/deps/onednn/include")
for name in SOURCE_DIR BINARY PRESET_FOLDER PEERS_FOLDER VERSION BENCH_CASES MATIO; do flags+=("-DFLEDGE_$name=\"\""); done
simd=(-mavx2 -mfma -DFLEDGE_ISA=avx2 -DFLEDGE_VEC_BYTES=32)  # of kernels/cpu/simd, compiled once per instruction set
scripts/changed.sh >"$work/changed"
git ls-files -- "${@:-.}" | grep -E '\.(h|cpp)$' | grep -vE '^(tests|kernels)/(cuda|cudnn)/|^tests/.*\.cpp$' |
  awk 'NR == FNR { changed[$0]; next } /\.h$/ || $0 in changed' "$work/changed" - >"$work/files"

# Writes stem_0.h ... and the plan, a line "file stem" each. stem_0.h is empty.
python3 - "$work" "${1:-changed}" <<'P'
import collections, functools, os, re, sys
work = sys.argv[1]
files = open(f"{work}/files").read().split()
changed = set(open(f"{work}/changed").read().split())
COSTLY = set("algorithm catch2/catch.hpp chrono filesystem fstream functional iostream memory mutex nlohmann/json.hpp "
             "random sstream string thread unordered_map vector".split())

@functools.cache
def reached(file):
    """The system's headers that a file of ours includes for certain: not below an #if."""
    names, depth = set(), 0
    for line in open(file) if os.path.exists(file) else ():
        depth += bool(re.match(r"\s*#\s*if", line)) - bool(re.match(r"\s*#\s*endif", line))
        include = re.match(r'\s*#\s*include\s*(?:<([^>]+)>|"([^"]+)")', line)
        if include and depth == 0:
            names |= {include[1]} if include[1] else reached(include[2])
    return frozenset(names)

@functools.cache
def affected(file):
    if file in changed or not os.path.exists(file):
        return file in changed
    return any(map(affected, re.findall(r'^\s*#\s*include\s*"([^"]+)"', open(file).read(), re.M)))

if sys.argv[2] == "changed":
    files = [f for f in files if affected(f)]
    open(f"{work}/files", "w").writelines(f + "\n" for f in files)
alike = collections.defaultdict(list)
plain = [f for f in files if not f.startswith("kernels/cpu/simd/")]  # the others have flags of their own
for file in plain:
    alike[reached(file) & COSTLY].append(reached(file))
stems = [frozenset()] + [frozenset.intersection(*lists) for costly, lists in alike.items() if costly and len(lists) > 2]
for number, stem in enumerate(stems):
    open(f"{work}/stem_{number}.h", "w").writelines(f"#include <{name}>\n" for name in sorted(stem))
with open(f"{work}/plan", "w") as plan:
    for file in files:
        fitting = [i for i, stem in enumerate(stems) if stem <= reached(file)] if file in plain else [0]
        plan.write(f"{file} {max(fitting, key=lambda i: (len(stems[i] & COSTLY), len(stems[i])))}\n")
P

precompile() { "${CXX:-g++}" "${flags[@]}" -x c++-header "$1" -o "$1.gch"; }
alone() {  # a file, a stem's number
  [[ $1 != kernels/cpu/simd/* ]] || flags+=("${simd[@]}")
  "${CXX:-g++}" "${flags[@]}" -fsyntax-only -x c++ -include "$work/stem_$2.h" -include "$1" /dev/null ||
    { echo "headers: $1 does not compile alone" >&2; return 1; }
}
export -f precompile alone
export CXX work
jobs=$(nproc)
find "$work" -name 'stem_[1-9]*.h' | xargs -r -P "$jobs" -I{} bash -c "$(declare -p flags); precompile {}"
xargs -r -P "$jobs" -L 1 bash -c "$(declare -p flags simd); alone \"\$@\"" alone <"$work/plan"
echo "headers: $(wc -l <"$work/files") files compile alone"
