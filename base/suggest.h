// The way out of a misspelt name: the known name that is meant, or all of them.
#pragma once
#include <string>
#include <vector>

namespace fledge {

/// Single insertions, deletions, substitutions and swaps of neighbours that turn a into b ("optimal string alignment").
int edit_distance(const std::string& a, const std::string& b);
/// The known name nearest to `given`, the first of equals; "" when none is near (more than a third of its letters
/// differ and it is no beginning of exactly one known name).
std::string suggest(const std::string& given, const std::vector<std::string>& known);
/// For an Error's hint: "did you mean 'cosine'?", or "known: a, b, c" when none is near.
std::string did_you_mean(const std::string& given, const std::vector<std::string>& known);

}  // namespace fledge
