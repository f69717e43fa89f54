// The largest (or smallest) element of each row among those a mask lets through, and its column.
#include "kernels/cuda/device/entries.cuh"
#include "kernels/cuda/device/order.cuh"
#include "kernels/cuda/device/rows.cuh"

namespace fledge::cuda {
namespace {

/// A NaN never replaces a value and is never replaced, so it counts only where it comes first.
template <int TEAM>
__global__ void __launch_bounds__(kRowBlock)
    masked_extreme(std::int64_t rows, std::int64_t columns, bool maximum, const float* __restrict__ x,
                   const std::uint8_t* __restrict__ mask, float* __restrict__ value, std::int64_t* __restrict__ index) {
  __shared__ unsigned long long shared_best[kRowBlock / kWarp];
  __shared__ int shared_first[kRowBlock / kWarp];
  const RowTeam<TEAM> team;
  if (team.row >= rows) return;
  const int n = static_cast<int>(columns);
  const float* from = x + team.row * columns;
  const std::uint8_t* let = mask + team.row * columns;
  unsigned long long best = 0;
  int first = n;
  for (int c = team.lane; c < n; c += TEAM) {
    if (let[c] == 0) continue;
    if (first == n) first = c;
    const unsigned long long key = order_key(from[c], static_cast<std::uint32_t>(c), maximum);
    if (key > best) best = key;
  }
  best = team.fold(best, shared_best, Greater{});
  first = team.fold(first, shared_first, Less{});
  if (team.lane != 0) return;
  std::int64_t found = -1;
  if (first < n) found = from[first] != from[first] ? first : column_of(best);
  value[team.row] = found < 0 ? 0 : from[found];
  index[team.row] = found;
}

}  // namespace

void masked_row_extreme(ExecContext&, bool maximum, const TensorView& x, const TensorView& mask,
                        const TensorView& value, const TensorView& index) {
  launch_rows("masked_row_extreme", &masked_extreme<kWarp>, &masked_extreme<kRowBlock>, x.dims[0], x.dims[1], maximum,
              x.as<float>(), mask.as<std::uint8_t>(), value.as<float>(), index.as<std::int64_t>());
}

}  // namespace fledge::cuda
