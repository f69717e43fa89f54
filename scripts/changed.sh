#!/usr/bin/env bash
# Files that differ from main; on main, from 20 commits before. FLEDGE_LINT_BASE names another commit. For scripts/lint.sh
# and scripts/headers.sh.
set -euo pipefail
cd "$(dirname "$0")/.."
base=${FLEDGE_LINT_BASE:-} head=$(git rev-parse HEAD)
[ -n "$base" ] || base=$(git merge-base HEAD main 2>/dev/null || git merge-base HEAD origin/main 2>/dev/null || true)
if [ -z "$base" ] || [ "$base" = "$head" ]; then base=$(git rev-list --max-count=21 HEAD | tail -1); fi
git diff --name-only "$base"
