#!/usr/bin/env bash
# Puts a table between the lines <!-- NAME --> and <!-- /NAME --> of a Markdown file.
# usage: apps/recipes/fill.sh NAME TABLE.md FILE
set -euo pipefail
name=$1 table=$2 file=$3
grep -qx "<!-- $name -->" "$file" && grep -qx "<!-- /$name -->" "$file" || { echo "fill: $file has no lines <!-- $name --> and <!-- /$name -->" >&2; exit 2; }
awk -v name="$name" -v table="$table" '
  $0 == "<!-- /" name " -->" { inside = 0 }
  !inside { print }
  $0 == "<!-- " name " -->" { inside = 1; while ((getline line < table) > 0) print line }' "$file" >"$file.new"
mv "$file.new" "$file"
echo "$file: table '$name' filled"
