// From embeddings to points in the plane.
#pragma once
#include <cstdint>
#include <vector>

#include "apps/report/run_record.h"

namespace fledge::report {

/// Rows of numbers, row-major.
struct Matrix {
  std::int64_t rows = 0, columns = 0;
  std::vector<float> values;
  const float* row(std::int64_t i) const { return values.data() + i * columns; }
};

struct PcaMap {
  std::vector<Point> points;     // of the rows, from their mean
  double explained[2] = {0, 0};  // share of the variance along each axis; 0 when there is none
};
/// The first two principal components by orthogonal iteration on the covariance (Golub & Van Loan, 8.2.4), at most 500
/// rounds or until the axes stand. The sign of an axis is chosen so that its largest coefficient is positive.
PcaMap pca(const Matrix& rows);

struct TsneOptions {
  double perplexity = 30;  // at most a third of the points
  int iterations = 750;
};
/// Exact t-SNE (van der Maaten & Hinton 2008) with the gradient of all pairs: O(N^2) a round, for some thousand points.
/// It starts from the principal components, so it is a function of the rows alone. 250 rounds of exaggeration 12 with
/// momentum 0.5, then 0.8; rate max(N / 48, 50).
std::vector<Point> tsne(const Matrix& rows, const TsneOptions& options);

}  // namespace fledge::report
