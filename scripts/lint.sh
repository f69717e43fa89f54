#!/usr/bin/env bash
# What a reader of a change should not have to look for: pages (scripts/prose.py, scripts/pictures.py), layout of the
# sources (.clang-format, lines of at most 120 columns), pages of the headers without warnings (Doxygen), and clang-tidy
# (.clang-tidy). Installs clang-format, clang-tidy (Debian 12's 14) and Doxygen where they are missing.
#
# usage: scripts/lint.sh          clang-tidy on the sources that differ from main (scripts/changed.sh)
#        scripts/lint.sh all      on every source of ours
# Left out are the tests, and kernels/cuda and kernels/cudnn, whose headers clang 14 cannot read. Of a header that
# differs, the source of its name is looked at. clang-tidy reads a folder as one file (scripts/unity.cmake), because most
# of its time goes into the standard library; whether a file includes what it needs is asked by scripts/headers.sh.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/dependencies.sh build clang-format clang-tidy doxygen
failed=0
scripts/prose.py || failed=1
scripts/pictures.py --check || failed=1

mapfile -t sources < <(git ls-files '*.h' '*.cpp' '*.cu' '*.cuh')
printf '%s\n' "${sources[@]}" | xargs -P "$(nproc)" -n 40 clang-format --dry-run -Werror || failed=1
awk 'length > 120 { print FILENAME ":" FNR ": more than 120 columns"; found = 1 } END { exit found }' "${sources[@]}" ||
  failed=1

# One file a folder, without precompiled headers, which clang cannot read from g++.
mkdir -p build-lint
cmake -S . -B build-lint -G Ninja -DFLEDGE_CUDA=OFF -DFLEDGE_PRECOMPILE=OFF \
  -DFLEDGE_UNITY=ON -DCMAKE_PREFIX_PATH="$PWD/build/deps/onednn" >build-lint/configure.log 2>&1 || { tail -30 build-lint/configure.log >&2; exit 1; }
cmake --build build-lint --target docs >build-lint/docs.log 2>&1 || { grep -E 'warning|error' build-lint/docs.log; failed=1; }

[ "${1:-}" = all ] || scripts/changed.sh | sed 's/\.h$/.cpp/' | sort -u >build-lint/changed
# One entry a file, though some are compiled several times; the longest first.
python3 - "${1:-}" <<'P'
import json, os, re, sys
wanted = None if sys.argv[1] == "all" else set(open("build-lint/changed").read().split())
entries = {}
for entry in json.load(open("build-lint/compile_commands.json")):
    file = entry["file"]
    inside = re.findall(r'^#include "([^"]+)"', open(file).read(), re.M) if "/Unity/" in file else [file]
    names = [os.path.relpath(name) for name in inside]
    ours = [n for n in names if n.endswith(".cpp") and not n.startswith(("tests/", "build", "kernels/cud"))]
    if ours and (wanted is None or wanted.intersection(ours)) and not any(n.startswith("tests/") for n in names):
        entries.setdefault(tuple(ours), entry)
order = sorted(entries, key=len, reverse=True)
os.makedirs("build-lint/once", exist_ok=True)
json.dump([entries[names] for names in order], open("build-lint/once/compile_commands.json", "w"))
open("build-lint/once/names", "w").writelines(entries[names]["file"] + "\n" for names in order)
print(f"lint: clang-tidy on {sum(map(len, order))} files in {len(order)}")
P
xargs -r -P "$(nproc)" -n 1 clang-tidy -p build-lint/once --quiet <build-lint/once/names 2>build-lint/tidy.log || failed=1
grep -h 'error:' build-lint/tidy.log || true
[ $failed = 0 ] && echo "lint: nothing found"
exit $failed
