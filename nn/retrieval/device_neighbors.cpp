#include "nn/retrieval/device_neighbors.h"

#include <algorithm>
#include <utility>

#include "base/interrupt.h"
#include "nn/retrieval/bounds.h"
#include "tensor/context.h"
#include "tensor/creation.h"
#include "tensor/ops/eltwise.h"
#include "tensor/ops/gemm.h"
#include "tensor/ops/reduce.h"

namespace fledge {
namespace {

constexpr std::int64_t kDeviceProducts = 64 << 20;  // numbers
constexpr std::int64_t kSpare = 64;                 // rows beyond those wanted: ties and rounding

}  // namespace

DeviceNeighbors::DeviceNeighbors(const FramedRows& gallery, Device device)
    : gallery_(gallery),
      rows_there_(gallery.rows.to(device)),
      squares_there_(from_vector(gallery.squares, {1, gallery.rows.dim(0)}).to(device)),
      device_(device) {
  for (const float square : gallery.squares) largest_ = std::max(largest_, square);
}

std::vector<std::int64_t> DeviceNeighbors::nearest(const FramedRows& queries, std::int64_t k,
                                                   std::vector<std::vector<Neighbor>>& found) const {
  const PrecisionScope strict(Precision::Strict);  // the bound is about products in float32
  const std::int64_t n = gallery_.rows.dim(0), d = gallery_.d, shortlist = std::min(n, 2 * k + kSpare);
  const std::int64_t block = std::max<std::int64_t>(1, kDeviceProducts / n);
  std::vector<std::int64_t> open;
  for (std::int64_t begin = 0; begin < queries.rows.dim(0); begin += block) {
    const std::int64_t count = std::min(block, queries.rows.dim(0) - begin);
    // |g|^2 - 2 q.g: the order of the distances, whatever |q| is.
    const Tensor products = matmul(queries.rows.slice(0, begin, count).to(device_), rows_there_, false, true);
    const TopK top = row_top_k(add(affine(products, -2, 0), squares_there_), shortlist, false);
    const std::vector<float> scores = top.value.to_vector<float>();
    const std::vector<std::int64_t> rows = top.index.to_vector<std::int64_t>();
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t q = begin + i;
      std::vector<Neighbor> candidates;
      for (std::int64_t j = i * shortlist; j < (i + 1) * shortlist; ++j)
        candidates.push_back(
            {plain_squared_distance(queries, q, gallery_, rows[j]), static_cast<std::int32_t>(rows[j])});
      std::sort(candidates.begin(), candidates.end());
      const double square = queries.squares[q], outside = square + scores[(i + 1) * shortlist - 1] -
                                                          distance_slack(d) * (square + largest_) - underflow_slack(d);
      candidates.resize(k);
      if (shortlist < n && !(outside > candidates.back().square))
        open.push_back(q);
      else
        found[q] = std::move(candidates);
    }
    stop_if_asked();
  }
  return open;
}

}  // namespace fledge
