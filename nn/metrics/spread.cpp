#include <cmath>

#include "nn/metrics/retrieval.h"

namespace fledge {
namespace {

double distance(const double* a, const double* b, std::int64_t d) {
  double squares = 0;
  for (std::int64_t k = 0; k < d; ++k) squares += (a[k] - b[k]) * (a[k] - b[k]);
  return std::sqrt(squares);
}

double mean_deviation(const std::vector<double>& x, std::int64_t n, std::int64_t d) {
  double deviations = 0;
  for (std::int64_t k = 0; k < d; ++k) {
    double mean = 0, squares = 0;
    for (std::int64_t i = 0; i < n; ++i) mean += x[i * d + k] / static_cast<double>(n);
    for (std::int64_t i = 0; i < n; ++i) squares += (x[i * d + k] - mean) * (x[i * d + k] - mean);
    deviations += std::sqrt(squares / static_cast<double>(n));
  }
  return deviations / static_cast<double>(d);
}

}  // namespace

EmbeddingSpread embedding_spread(const Tensor& embedding, const Tensor& labels) {
  if (embedding.rank() != 2 || labels.rank() != 1 || labels.dim(0) != embedding.dim(0) ||
      labels.dtype() != DType::Int64)
    throw Error(ErrorKind::Usage, "embedding_spread",
                "embeddings N,D and N int64 labels are needed: " + describe(embedding) + " and " + describe(labels));
  const std::int64_t n = embedding.dim(0), d = embedding.dim(1);
  EmbeddingSpread spread;
  if (n == 0 || d == 0) return spread;
  const std::vector<double> x = embedding.to_vector<double>();
  const std::vector<std::int64_t> y = labels.to_vector<std::int64_t>();
  double positives = 0, negatives = 0;
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j < i; ++j) {
      const double distance_ij = distance(&x[i * d], &x[j * d], d);
      (y[i] == y[j] ? spread.mean_positive : spread.mean_negative) += distance_ij;
      (y[i] == y[j] ? positives : negatives) += 1;
    }
  if (positives > 0) spread.mean_positive /= positives;
  if (negatives > 0) spread.mean_negative /= negatives;
  spread.std_per_dimension = mean_deviation(x, n, d);
  return spread;
}

}  // namespace fledge
