#!/usr/bin/env bash
# The table of a comparison as Markdown.
# usage: apps/recipes/table.sh NAME.rows TABLE.txt     (TABLE.txt: what 'fledge eval --spread' printed)
# Last column: the share of the gap between the best student alone (the best of the rows named alone...) and the
# teacher, in Recall@1, that a row closes: what the teacher is worth beyond the best that the student can do without it.
# A spread is given where there are several seeds (standard deviation, n - 1).
set -euo pipefail
awk -F' *[|] *' '
  FNR == NR { if ($0 !~ /^#/ && NF >= 5) { said[$1] = $5; order[++rows] = $1 } next }
  { n = split($0, f, " +") }
  FNR == 1 { for (i = 3; i <= n; ++i) head[++columns] = f[i]; next }
  {  # "MEAN +- DEVIATION", of one seed "MEAN"
    seeds[f[1]] = f[2]; at = 3
    for (i = 1; i <= columns; ++i) {
      mean[f[1], i] = f[at]
      if (f[at + 1] == "+-") { spread[f[1], i] = f[at + 2]; at += 3 } else at += 1
    }
  }
  END {
    line = "| | seeds"; rule = "|---|---"
    for (i = 1; i <= columns; ++i) { line = line " | " head[i]; rule = rule "|---" }
    print line " | gap closed |"; print rule "|---|"
    for (r = 1; r <= rows; ++r) {
      k = order[r]
      if (k in seeds && k ~ /^alone/ && said[k] !~ /\*$/ && mean[k, 1] + 0 > base + 0) base = mean[k, 1]
    }
    for (r = 1; r <= rows; ++r) {
      k = order[r]; if (!(k in seeds)) continue
      line = "| " said[k] " | " seeds[k]
      for (i = 1; i <= columns; ++i) line = line " | " mean[k, i] (seeds[k] > 1 ? " ± " spread[k, i] : "")
      gap = mean["teacher", 1] - base
      # Rows with a student or a test of their own have no gap to compare with.
      own = k ~ /^(teacher|alone|untouched)/ || said[k] ~ /\*$/
      print line " | " (own || gap <= 0 ? "" : sprintf("%.0f %%", 100 * (mean[k, 1] - base) / gap)) " |"
    }
  }' "$1" "$2"
