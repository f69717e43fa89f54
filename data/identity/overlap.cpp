#include "data/identity/overlap.h"

#include <numeric>
#include <unordered_set>

#include "base/escape.h"
#include "data/dataset.h"
#include "data/datasets/annotated.h"
#include "data/identity/content_map.h"

namespace fledge {
namespace {

constexpr std::size_t kShown = 5;
constexpr std::int64_t kNoFile = -2;  // beside FileStamp's -1

std::vector<std::int64_t> all_of(const std::vector<std::int64_t>& sizes) {
  std::vector<std::int64_t> all(sizes.size());
  std::iota(all.begin(), all.end(), 0);
  return all;
}

}  // namespace

std::vector<std::int64_t> file_sizes(const Dataset& dataset) {
  std::vector<std::int64_t> sizes;
  for (std::int64_t i = 0; i < dataset.size(); ++i) {
    const std::string path = dataset.file(i).path;
    sizes.push_back(path.empty() ? kNoFile : stamp_of_file(path).size);
  }
  return sizes;
}

std::vector<std::int64_t> with_size_in(const std::vector<std::int64_t>& sizes,
                                       const std::unordered_set<std::int64_t>& others) {
  std::vector<std::int64_t> chosen;
  for (std::size_t i = 0; i < sizes.size(); ++i)
    if (sizes[i] != -1 && others.contains(sizes[i])) chosen.push_back(static_cast<std::int64_t>(i));
  return chosen;
}

bool knows_origins(const Dataset& dataset) { return dataset.size() > 0 && dataset.origin(0).known(); }

Overlap find_overlap(Contents& a, Contents& b, int threads) {
  const std::vector<std::int64_t> sizes_a = file_sizes(a.dataset()), sizes_b = file_sizes(b.dataset());
  // The size of the file that a packed picture comes from is not known: all are looked at.
  const bool packed = knows_origins(a.dataset()) || knows_origins(b.dataset());
  const auto in_a = packed ? all_of(sizes_a) : with_size_in(sizes_a, {sizes_b.begin(), sizes_b.end()});
  const auto in_b = packed ? all_of(sizes_b) : with_size_in(sizes_b, {sizes_a.begin(), sizes_a.end()});
  a.find(in_a, threads);
  b.find(in_b, threads);
  ContentMap<std::int64_t> there;
  for (const std::int64_t i : in_b)
    if (const Content c = b.origin(i); c.known()) there.emplace(c, i);
  Overlap found;
  found.of = a.size();
  for (const std::int64_t i : in_a) {
    const auto at = there.find(a.origin(i));
    if (at == there.end()) continue;
    ++found.count;
    if (found.first.size() < kShown) found.first.emplace_back(a.dataset().name(i), b.dataset().name(at->second));
  }
  return found;
}

std::string overlap_text(const Overlap& overlap, const std::string& a, const std::string& b) {
  if (overlap.count == 0) return "";
  std::string text = with_thousands(overlap.count) + " of the " + with_thousands(overlap.of) + " " + a + " pictures " +
                     (overlap.count == 1 ? "is a " + b + " picture" : "are " + b + " pictures") + " too (";
  for (std::size_t i = 0; i < overlap.first.size(); ++i)
    text += (i ? ", '" : "'") + shown(overlap.first[i].first) + "' = '" + shown(overlap.first[i].second) + "'";
  return text + (overlap.count > static_cast<std::int64_t>(overlap.first.size()) ? ", ...)" : ")");
}

}  // namespace fledge
