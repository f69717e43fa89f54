# What Doxygen is given of a header: the first comment becomes the file's page, comments behind a member belong to it,
# formulas (lines indented by three blanks) keep their lines, signs that are commands to Doxygen are plain text, and
# "et al." ends no sentence.
function plain(text,   parts, n, i, out) {
  n = split(text, parts, "`")
  for (i = 1; i <= n; ++i) {
    if (i % 2 == 1) gsub(/[\\@<>#%&*_$~|]/, "\\\\&", parts[i])
    if (i % 2 == 1) { gsub(/et al\. /, "et al.\\ ", parts[i]); gsub(/eq\. /, "eq.\\ ", parts[i]) }
    out = out (i > 1 ? "`" : "") parts[i]
  }
  return out
}
function comment(indent, text) {
  if (text ~ /^   /) {
    if (!formula) print indent "///"
    formula = 1
    print indent "///     " text
    return
  }
  if (formula) print indent "///"
  formula = 0
  print indent "///" plain(text)
}
FNR == 1 { formula = 0; head = $0 ~ /^\/\/ /; if (head) print "/// \\file" }
!/^\/\// { head = 0 }
head { sub(/^\/\/+/, ""); comment("", $0); next }
/^ *\/\/\// {
  match($0, /^ */)
  indent = substr($0, 1, RLENGTH)
  sub(/^ *\/\/\//, "")
  behind = 0
  comment(indent, $0)
  next
}
{ formula = 0 }
/^ *\/\/ / { if (behind) sub(/\/\/ /, "///< "); print; next }
/[;,{(] +\/\/ / {
  at = match($0, / +\/\/ /)
  print substr($0, 1, at - 1) "  ///< " plain(substr($0, at + RLENGTH))
  behind = 1
  next
}
{ behind = 0; print }
