#include "apps/index/nearest_device.h"

#include <algorithm>

#include "apps/cli/signals.h"
#include "apps/index/distance_bounds.h"
#include "tensor/context.h"
#include "tensor/creation.h"
#include "tensor/ops/eltwise.h"
#include "tensor/ops/gemm.h"
#include "tensor/ops/reduce.h"

namespace fledge {
namespace {

constexpr std::int64_t kProducts = 64 << 20;  // numbers
constexpr std::int64_t kSpare = 64;           // rows beyond those wanted: ties and rounding

/// The bound is about products in float32.
class StrictGuard {
 public:
  StrictGuard() : before_(context().precision) { context().precision = Precision::Strict; }
  ~StrictGuard() { context().precision = before_; }

 private:
  Precision before_;
};

}  // namespace

NearestOnDevice::NearestOnDevice(const Tensor& rows, const std::vector<float>& squares,
                                 const std::vector<float>& lengths, Device device)
    : rows_(rows),
      rows_there_(rows.to(device)),
      squares_there_(from_vector(squares, {1, rows.dim(0)}).to(device)),
      device_(device) {
  for (float length : lengths) longest_ = std::max(longest_, length);
}

std::vector<std::int64_t> NearestOnDevice::search(
    const Tensor& queries, std::int64_t top,
    const std::function<void(std::int64_t, const std::vector<Candidate>&)>& keep) const {
  const StrictGuard strict;
  const std::int64_t n = rows_.dim(0), d = rows_.dim(1), shortlist = std::min(n, 2 * top + kSpare);
  const std::int64_t block = std::max<std::int64_t>(1, kProducts / n);
  std::vector<std::int64_t> open;
  for (std::int64_t begin = 0; begin < queries.dim(0); begin += block) {
    const std::int64_t count = std::min(block, queries.dim(0) - begin);
    // |g|^2 - 2 q.g: the order of the distances, whatever |q| is.
    const Tensor products = matmul(queries.slice(0, begin, count).to(device_), rows_there_, false, true);
    const TopK nearest = row_top_k(add(affine(products, -2, 0), squares_there_), shortlist, false);
    const std::vector<float> scores = nearest.value.to_vector<float>();
    const std::vector<std::int64_t> numbers = nearest.index.to_vector<std::int64_t>();
    for (std::int64_t i = 0; i < count; ++i) {
      const float* query = queries.data<float>() + (begin + i) * d;
      std::vector<Candidate> candidates;
      for (std::int64_t k = i * shortlist; k < (i + 1) * shortlist; ++k)
        candidates.push_back({squared_distance(query, rows_.data<float>() + numbers[k] * d, d), numbers[k]});
      std::sort(candidates.begin(), candidates.end());
      const RowSize size = size_of(query, d);
      const double reach = static_cast<double>(size.length) + longest_;
      const double nearest_outside =
          squared_length(query, d) + scores[(i + 1) * shortlist - 1] - slack_of(d) * reach * reach - underflow_of(d);
      candidates.resize(top);
      if (shortlist < n && !(nearest_outside > candidates.back().square))
        open.push_back(begin + i);
      else
        keep(begin + i, candidates);
    }
    if (const int signal = stop_signal()) throw Stopped{signal};
  }
  return open;
}

}  // namespace fledge
