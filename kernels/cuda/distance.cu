// L2 normalisation of rows and its gradient; sums in double.
#include "kernels/cuda/device/entries.cuh"
#include "kernels/cuda/device/rows.cuh"
#include "kernels/cuda/overlays.h"

namespace fledge::cuda {
namespace {

template <int TEAM>
__global__ void __launch_bounds__(kRowBlock)
    normalize_rows(std::int64_t rows, std::int64_t columns, const float* x, float* y, float* norm, double eps) {
  __shared__ double shared[kRowBlock / kWarp];
  const RowTeam<TEAM> team;
  if (team.row >= rows) return;
  const int n = static_cast<int>(columns);
  const std::int64_t start = team.row * columns;
  double squares = 0;
  for (int c = team.lane; c < n; c += TEAM) {
    const double v = x[start + c];
    squares += v * v;
  }
  squares = team.fold(squares, shared, Sum{});
  const double root = sqrt(squares);
  const float length = static_cast<float>(root < eps ? eps : root);  // a NaN stays
  if (team.lane == 0) norm[team.row] = length;
  for (int c = team.lane; c < n; c += TEAM) y[start + c] = x[start + c] / length;
}

/// dx = (dy - y * sum(y*dy)) / norm where norm > eps, dy / norm elsewhere.
template <int TEAM>
__global__ void __launch_bounds__(kRowBlock)
    normalize_rows_gradient(std::int64_t rows, std::int64_t columns, const float* dy, const float* y, const float* norm,
                            float* dx, float eps) {
  __shared__ double shared[kRowBlock / kWarp];
  const RowTeam<TEAM> team;
  if (team.row >= rows) return;
  const int n = static_cast<int>(columns);
  const std::int64_t start = team.row * columns;
  const float length = norm[team.row];
  double radial = 0;
  if (length > eps)
    for (int c = team.lane; c < n; c += TEAM) radial += static_cast<double>(y[start + c]) * dy[start + c];
  radial = team.fold(radial, shared, Sum{});
  for (int c = team.lane; c < n; c += TEAM)
    dx[start + c] = static_cast<float>(dy[start + c] - y[start + c] * radial) / length;
}

void l2_normalize(ExecContext&, const TensorView& x, const TensorView& y, const TensorView& norm, double eps) {
  launch_rows("l2_normalize", &normalize_rows<kWarp>, &normalize_rows<kRowBlock>, x.dims[0], x.dims[1], x.as<float>(),
              y.as<float>(), norm.as<float>(), eps);
}

void l2_normalize_backward(ExecContext&, const TensorView& dy, const TensorView& y, const TensorView& norm,
                           const TensorView& dx, double eps) {
  // The clamped length was rounded to float when it was saved, so eps is rounded alike before they are compared.
  launch_rows("l2_normalize_backward", &normalize_rows_gradient<kWarp>, &normalize_rows_gradient<kRowBlock>, dx.dims[0],
              dx.dims[1], dy.as<float>(), y.as<float>(), norm.as<float>(), dx.as<float>(), static_cast<float>(eps));
}

}  // namespace

void overlay_distance(KernelTable& f32) {
  f32.distance.l2_normalize = &l2_normalize;
  f32.distance.l2_normalize_backward = &l2_normalize_backward;
  f32.distance.pairwise_distance = &pairwise_distance;
  f32.distance.pairwise_distance_backward = &pairwise_distance_backward;
  f32.distance.pair_masks = &pair_masks;
  f32.distance.all_triplets = &all_triplets;
  f32.distance.scan_products = &scan_products;
  f32.distance.quantized_products = &quantized_products;
}

}  // namespace fledge::cuda
