#include "apps/index/nearest_pictures.h"

#include <algorithm>
#include <cmath>

namespace fledge {
namespace {

template <class T>
double length_of(const T* x, std::int64_t d) {
  double sums[4] = {};  // side by side, as each sum waits for itself
  std::int64_t k = 0;
  for (; k + 4 <= d; k += 4)
    for (int s = 0; s < 4; ++s) sums[s] += static_cast<double>(x[k + s]) * x[k + s];
  for (; k < d; ++k) sums[0] += static_cast<double>(x[k]) * x[k];
  return std::sqrt((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

template <class T>
double cosine_of(const T* a, const T* b, std::int64_t d) {
  double product = 0;
  for (std::int64_t k = 0; k < d; ++k) product += static_cast<double>(a[k]) * b[k];
  const double lengths = length_of(a, d) * length_of(b, d);
  return lengths > 0 ? product / lengths : 0;
}

}  // namespace

std::vector<FoundPicture> described(const Tensor& queries, std::int64_t query, const Tensor& rows,
                                    const std::vector<Neighbor>& nearest) {
  const std::int64_t d = rows.dim(1);
  std::vector<FoundPicture> neighbors;
  for (const Neighbor& n : nearest) {
    const double cosine = rows.dtype() == DType::Float32
                              ? cosine_of(queries.data<float>() + query * d, rows.data<float>() + n.row * d, d)
                              : cosine_of(queries.data<double>() + query * d, rows.data<double>() + n.row * d, d);
    neighbors.push_back({n.row, std::sqrt(n.square), cosine});
  }
  return neighbors;
}

Vote vote(const std::vector<FoundPicture>& neighbors, const std::vector<std::string>& labels) {
  Vote best;
  best.of = static_cast<std::int64_t>(neighbors.size());
  for (const FoundPicture& candidate : neighbors) {
    const std::string& label = labels[candidate.row];
    const auto votes =
        std::count_if(neighbors.begin(), neighbors.end(), [&](const auto& n) { return labels[n.row] == label; });
    if (votes > best.votes) best.label = label, best.votes = votes;
  }
  return best;
}

}  // namespace fledge
