#include "nn/metrics/spread.h"

#include <algorithm>
#include <cmath>

#include "base/interrupt.h"
#include "nn/metrics/eigenvalues.h"
#include "nn/retrieval/frame.h"
#include "nn/retrieval/rows.h"
#include "tensor/context.h"
#include "tensor/finite.h"
#include "tensor/ops/gemm.h"

namespace fledge {
namespace {

/// Sum of products over blocks of rows, in double: X^T X when `of_columns`, else X X^T.
std::vector<double> gram(const Tensor& x, bool of_columns) {
  const std::int64_t along = x.dim(of_columns ? 0 : 1), side = x.dim(of_columns ? 1 : 0);
  std::vector<double> sum(side * side);
  constexpr std::int64_t kBlock = 256;
  for (std::int64_t first = 0; first < along; first += kBlock) {
    const Tensor part = x.slice(of_columns ? 0 : 1, first, std::min(kBlock, along - first)).contiguous();
    const Tensor product = matmul(part, part, of_columns, !of_columns);
    const float* p = product.data<float>();
    for (std::int64_t i = 0; i < side * side; ++i) sum[i] += p[i];
  }
  return sum;
}

}  // namespace

MeanDistances mean_distances(const Tensor& embedding, const std::vector<std::int64_t>& labels) {
  if (!embedding.defined() || embedding.rank() != 2 || !is_comparable(embedding.dtype()) ||
      embedding.dim(0) != static_cast<std::int64_t>(labels.size()))
    throw Error(ErrorKind::Usage, "mean_distances", "embeddings N,D float32 or float64 and N labels are needed");
  const std::int64_t n = embedding.dim(0);
  if (n == 0 || embedding.dim(1) == 0) return {};
  const Tensor given = embedding.contiguous();
  const ComparableRows compared = comparable_rows(given, given);
  const Tensor& x = compared.query;
  const FramedRows rows = in_frame(x, frame_of(x, x));
  const double unit = 1 / rows.scale / compared.scale;
  // Below this share of |a|^2 + |b|^2 the rounding of the product would be more than 1e-3 of the squared distance.
  const float near = 1024 * std::sqrt(static_cast<float>(rows.d)) / (1 << 24);
  constexpr std::int64_t kBlock = 1024;
  struct Sums {
    double total = 0, same = 0, pairs = 0;
  };
  Sums all_rows;
  std::vector<Sums> each(std::min(kBlock, n));  // of a block's rows, added in their order, whoever summed them
  for (std::int64_t a = 0; a < n; a += kBlock)
    for (std::int64_t b = a; b < n; b += kBlock) {
      stop_if_asked();
      const std::int64_t height = std::min(kBlock, n - a), width = std::min(kBlock, n - b);
      const Tensor products = matmul(rows.framed.slice(0, a, height), rows.framed.slice(0, b, width), false, true);
      const float* p = products.data<float>();
#pragma omp parallel for num_threads(num_threads())
      for (std::int64_t i = 0; i < height; ++i) {
        const std::int64_t from = a == b ? i + 1 : 0;
        const float square = rows.squares[a + i];
        Sums row;
        for (std::int64_t j = from; j < width; ++j) {
          const float sum = square + rows.squares[b + j], squared = sum - 2 * p[i * width + j];
          const float distance =
              squared > near * sum
                  ? std::sqrt(squared)
                  : static_cast<float>(std::sqrt(exact_squared_distance(rows, a + i, rows, b + j)) * rows.scale);
          row.total += distance;
          if (labels[a + i] != labels[b + j]) continue;
          row.same += distance;
          row.pairs += 1;
        }
        each[i] = row;
      }
      for (std::int64_t i = 0; i < height; ++i) {
        all_rows.total += each[i].total;
        all_rows.same += each[i].same;
        all_rows.pairs += each[i].pairs;
      }
    }
  const auto [total, same, pairs] = all_rows;
  const double all = 0.5 * static_cast<double>(n) * static_cast<double>(n - 1);
  MeanDistances mean;
  mean.positives = static_cast<std::int64_t>(pairs);
  mean.negatives = static_cast<std::int64_t>(all - pairs);
  if (pairs > 0) mean.positive = same / pairs * unit;
  if (all > pairs) mean.negative = (total - same) / (all - pairs) * unit;
  return mean;
}

EmbeddingRank embedding_rank(const Tensor& embedding) {
  if (!embedding.defined() || embedding.rank() != 2)
    throw Error(ErrorKind::Usage, "embedding_rank",
                "an embedding N,D is needed: " + (embedding.defined() ? describe(embedding) : "undefined"));
  EmbeddingRank rank;
  if (embedding.numel() == 0) return rank;
  const Tensor given = (is_comparable(embedding.dtype()) ? embedding : embedding.to(DType::Float32)).contiguous();
  if (!all_finite(given)) throw Error(ErrorKind::Numeric, "embedding_rank", "the embedding holds NaN or infinity");
  const Tensor x = comparable_rows(given, given).query;
  const FramedRows rows = in_frame(x, frame_of(x, x));
  const bool of_columns = x.dim(1) <= x.dim(0);
  const std::vector<double> values = symmetric_eigenvalues(gram(rows.framed, of_columns), x.dim(of_columns ? 1 : 0));
  double sum = 0, squares = 0, entropy = 0;
  for (const double v : values) sum += std::max(0.0, v);
  if (!(sum > 0)) return rank;
  for (const double v : values) {
    const double p = v / sum;
    if (p <= 0) continue;
    squares += p * p;
    entropy -= p * std::log(p);
  }
  return {std::exp(entropy), 1 / squares, values[0] / sum};
}

}  // namespace fledge
