#include "base/suggest.h"

#include <algorithm>

namespace fledge {

int edit_distance(const std::string& a, const std::string& b) {
  const std::size_t columns = b.size() + 1;
  std::vector<int> before(columns), above(columns), row(columns);
  for (std::size_t j = 0; j < columns; ++j) above[j] = static_cast<int>(j);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = static_cast<int>(i);
    for (std::size_t j = 1; j < columns; ++j) {
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] != b[j - 1])});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before.swap(above);
    above.swap(row);
  }
  return above[b.size()];
}

std::string suggest(const std::string& given, const std::vector<std::string>& known) {
  std::string best, completion;
  int best_distance = 0, completions = 0;
  for (const std::string& name : known) {
    const int distance = edit_distance(given, name);
    const int allowed = std::max<int>(1, static_cast<int>(std::max(given.size(), name.size())) / 3);
    if (distance <= allowed && (best.empty() || distance < best_distance)) {
      best = name;
      best_distance = distance;
    }
    if (given.size() >= 2 && name.compare(0, given.size(), given) == 0) {
      completion = name;
      ++completions;
    }
  }
  if (best.empty() && completions == 1) return completion;
  return best;
}

std::string did_you_mean(const std::string& given, const std::vector<std::string>& known) {
  const std::string name = suggest(given, known);
  if (!name.empty()) return "did you mean '" + name + "'?";
  std::string all;
  for (const std::string& k : known) all += (all.empty() ? "" : ", ") + k;
  return "known: " + all;
}

}  // namespace fledge
