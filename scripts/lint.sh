#!/usr/bin/env bash
# What a reader of a change should not have to look for: pages (scripts/prose.py, scripts/pictures.py), layout of the
# sources (.clang-format, lines of at most 120 columns), pages of the headers without warnings (Doxygen), and clang-tidy
# (.clang-tidy). Installs clang-format, clang-tidy (Debian 12's 14) and Doxygen where they are missing.
#
# usage: scripts/lint.sh          clang-tidy on the sources that differ from main, on main from 20 commits before
#        scripts/lint.sh all      on every source of ours: seven minutes of processor time
# Left out are the tests, and kernels/cuda and kernels/cudnn, whose headers clang 14 cannot read.
# FLEDGE_LINT_BASE names another commit. Of a header that differs, the source of its name is looked at.
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

# Without precompiled headers, which clang cannot read from g++.
mkdir -p build-lint
cmake -S . -B build-lint -G Ninja -DFLEDGE_CUDA=OFF -DFLEDGE_PRECOMPILE=OFF \
  -DCMAKE_PREFIX_PATH="$PWD/build/deps/onednn" >build-lint/configure.log 2>&1 || { tail -30 build-lint/configure.log >&2; exit 1; }
cmake --build build-lint --target docs >build-lint/docs.log 2>&1 || { grep -E 'warning|error' build-lint/docs.log; failed=1; }

changed() {
  local base=${FLEDGE_LINT_BASE:-} head; head=$(git rev-parse HEAD)
  [ -n "$base" ] || base=$(git merge-base HEAD main 2>/dev/null || git merge-base HEAD origin/main 2>/dev/null || true)
  if [ -z "$base" ] || [ "$base" = "$head" ]; then base=$(git rev-list --max-count=21 HEAD | tail -1); fi
  git diff --name-only "$base" | sed 's/\.h$/.cpp/' | sort -u
}
# One entry a file: some are compiled several times.
[ "${1:-}" = all ] || changed >build-lint/changed
python3 - "${1:-}" <<'P'
import json, os, sys
wanted = None if sys.argv[1] == "all" else set(open("build-lint/changed").read().split())
entries = {}
for entry in json.load(open("build-lint/compile_commands.json")):
    name = os.path.relpath(entry["file"])
    if name.endswith(".cpp") and not name.startswith(("tests/", "build", "kernels/cud")) and (wanted is None or name in wanted):
        entries.setdefault(name, entry)
os.makedirs("build-lint/once", exist_ok=True)
json.dump(list(entries.values()), open("build-lint/once/compile_commands.json", "w"))
open("build-lint/once/names", "w").writelines(name + "\n" for name in entries)
P
echo "lint: clang-tidy on $(wc -l <build-lint/once/names) files"
xargs -r -P "$(nproc)" -n 4 clang-tidy -p build-lint/once --quiet <build-lint/once/names 2>build-lint/tidy.log || failed=1
grep -h 'error:' build-lint/tidy.log || true
[ $failed = 0 ] && echo "lint: nothing found"
exit $failed
