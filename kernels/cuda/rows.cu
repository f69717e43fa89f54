// softmax, log-softmax, log-sum-exp of the rows of a contiguous matrix, and their gradients. Exponentials in float,
// sums in double: the gradients are differences of nearly equal numbers.
//   softmax y_c = e^(x_c - M) / S     log-softmax y_c = x_c - M - log S     log-sum-exp y = M + log S
#include "kernels/cuda/device/rows.cuh"

#include "kernels/cuda/device/entries.cuh"
#include "kernels/cuda/overlays.h"

namespace fledge::cuda {
namespace {

enum class RowOp { Softmax, LogSoftmax, LogSumExp };

/// y: rows x columns, for log-sum-exp one per row.
template <int TEAM, RowOp OP>
__global__ void __launch_bounds__(kRowBlock)
    row_forward(std::int64_t rows, std::int64_t columns, const float* __restrict__ x, float* __restrict__ y) {
  __shared__ float shared_maximum[kRowBlock / kWarp];
  __shared__ double shared_sum[kRowBlock / kWarp];
  const RowTeam<TEAM> team;
  if (team.row >= rows) return;
  const int n = static_cast<int>(columns);
  const float* from = x + team.row * columns;
  float maximum = -INFINITY;
  for (int c = team.lane; c < n; c += TEAM) maximum = from[c] > maximum ? from[c] : maximum;
  maximum = team.fold(maximum, shared_maximum, Greater{});
  // An infinite maximum would make inf - inf; without the shift the limits come out right by themselves.
  if (maximum == INFINITY || maximum == -INFINITY) maximum = 0;
  double sum = 0;
  for (int c = team.lane; c < n; c += TEAM) sum += expf(from[c] - maximum);
  sum = team.fold(sum, shared_sum, Sum{});

  if constexpr (OP == RowOp::Softmax) {
    const float total = static_cast<float>(sum);
    for (int c = team.lane; c < n; c += TEAM) y[team.row * columns + c] = expf(from[c] - maximum) / total;
  } else {
    const double log_sum = log(sum);
    if constexpr (OP == RowOp::LogSoftmax) {
      for (int c = team.lane; c < n; c += TEAM)
        y[team.row * columns + c] = static_cast<float>((static_cast<double>(from[c]) - maximum) - log_sum);
    } else {
      if (team.lane == 0) y[team.row] = static_cast<float>(maximum + log_sum);
    }
  }
}

/// softmax: dx = y*(dy - sum(y*dy))   log-softmax: dx = dy - exp(y)*sum(dy). dx may be dy.
template <int TEAM, RowOp OP>
__global__ void __launch_bounds__(kRowBlock)
    row_backward(std::int64_t rows, std::int64_t columns, const float* dy, const float* y, float* dx) {
  __shared__ double shared[kRowBlock / kWarp];
  const RowTeam<TEAM> team;
  if (team.row >= rows) return;
  const int n = static_cast<int>(columns);
  const std::int64_t start = team.row * columns;
  double sum = 0;
  for (int c = team.lane; c < n; c += TEAM) {
    const double g = dy[start + c];
    sum += OP == RowOp::Softmax ? y[start + c] * g : g;
  }
  sum = team.fold(sum, shared, Sum{});
  for (int c = team.lane; c < n; c += TEAM) {
    const float g = dy[start + c], value = y[start + c];
    if constexpr (OP == RowOp::Softmax)
      dx[start + c] = static_cast<float>(value * (g - sum));
    else
      dx[start + c] = static_cast<float>(g - expf(value) * sum);
  }
}

/// dx = dy[r] * exp(x - y[r])
template <int TEAM>
__global__ void __launch_bounds__(kRowBlock)
    log_sum_exp_gradient(std::int64_t rows, std::int64_t columns, const float* __restrict__ dy,
                         const float* __restrict__ x, const float* __restrict__ y, float* __restrict__ dx) {
  const RowTeam<TEAM> team;
  if (team.row >= rows) return;
  const int n = static_cast<int>(columns);
  const float g = dy[team.row], total = y[team.row];
  for (int c = team.lane; c < n; c += TEAM) dx[team.row * columns + c] = g * expf(x[team.row * columns + c] - total);
}

template <RowOp OP>
void forward_rows(ExecContext&, const TensorView& x, const TensorView& y) {
  launch_rows("softmax", &row_forward<kWarp, OP>, &row_forward<kRowBlock, OP>, x.dims[0], x.dims[1], x.as<float>(),
              y.as<float>());
}

template <RowOp OP>
void backward_rows(ExecContext&, const TensorView& dy, const TensorView& y, const TensorView& dx) {
  launch_rows("softmax_backward", &row_backward<kWarp, OP>, &row_backward<kRowBlock, OP>, dx.dims[0], dx.dims[1],
              dy.as<float>(), y.as<float>(), dx.as<float>());
}

void log_sum_exp_backward(ExecContext&, const TensorView& dy, const TensorView& x, const TensorView& y,
                          const TensorView& dx) {
  launch_rows("log_sum_exp_backward", &log_sum_exp_gradient<kWarp>, &log_sum_exp_gradient<kRowBlock>, dx.dims[0],
              dx.dims[1], dy.as<float>(), x.as<float>(), y.as<float>(), dx.as<float>());
}

}  // namespace

void overlay_rows(KernelTable& f32) {
  ReduceKernels& k = f32.reduce;
  k.softmax = &forward_rows<RowOp::Softmax>;
  k.softmax_backward = &backward_rows<RowOp::Softmax>;
  k.log_softmax = &forward_rows<RowOp::LogSoftmax>;
  k.log_softmax_backward = &backward_rows<RowOp::LogSoftmax>;
  k.log_sum_exp = &forward_rows<RowOp::LogSumExp>;
  k.log_sum_exp_backward = &log_sum_exp_backward;
  k.masked_row_extreme = &masked_row_extreme;
  k.masked_row_extreme_backward = &one_per_row;
  k.row_top_k = &row_top_k;
}

}  // namespace fledge::cuda
