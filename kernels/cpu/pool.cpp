// Pooling on channels-last data.
#include <algorithm>

#include "kernels/cpu/isa.h"
#include "kernels/cpu/overlays.h"
#include "kernels/cpu/parallel.h"

namespace fledge::cpu {
namespace {

template <class Args>
void set_sizes(Args& a, const Dims& x, const Dims& y, const Pool2dParams& p) {
  a.c = x[1];
  a.h = x[2];
  a.w = x[3];
  a.p = y[2];
  a.q = y[3];
  a.kernel_h = p.kernel_h;
  a.kernel_w = p.kernel_w;
  a.stride_h = p.stride_h;
  a.stride_w = p.stride_w;
  a.pad_top = p.pad_top;
  a.pad_left = p.pad_left;
}

void max_pool2d(ExecContext& ctx, const TensorView& x, const TensorView& y, const TensorView* indices,
                const Pool2dParams& p) {
  if (!is_channels_last(x) || !is_channels_last(y) || (indices && !is_channels_last(*indices)))
    return reference().pool.max_pool2d(ctx, x, y, indices, p);
  MaxPoolArgs a{};
  set_sizes(a, x.dims, y.dims, p);
  a.x = x.as<float>();
  a.y = y.as<float>();
  a.indices = indices ? indices->as<std::int32_t>() : nullptr;
  parallel_for(ctx.threads(), y.dims[0] * a.p, row_grain(a.q * a.c * p.kernel_h * p.kernel_w),
               [&](std::int64_t begin, std::int64_t end) { simd().max_pool(a, begin, end); });
}

void max_pool2d_backward(ExecContext& ctx, const TensorView& dy, const TensorView& indices, const TensorView& dx,
                         const Pool2dParams& p) {
  if (!is_channels_last(dy) || !is_channels_last(indices) || !is_channels_last(dx))
    return reference().pool.max_pool2d_backward(ctx, dy, indices, dx, p);
  MaxPoolGradArgs a{};
  set_sizes(a, dx.dims, dy.dims, p);
  a.dy = dy.as<float>();
  a.indices = indices.as<std::int32_t>();
  a.dx = dx.as<float>();
  parallel_for(ctx.threads(), dx.dims[0] * a.h, row_grain(a.w * a.c * 4),
               [&](std::int64_t begin, std::int64_t end) { simd().max_pool_grad(a, begin, end); });
}

void global_avg_pool(ExecContext& ctx, const TensorView& x, const TensorView& y) {
  const std::int64_t n = x.dims[0], c = x.dims[1], pixels = x.dims[2] * x.dims[3];
  if (pixels == 0 || !is_channels_last(x) || !is_contiguous(y)) return reference().pool.global_avg_pool(ctx, x, y);
  const std::int64_t grain = row_grain(pixels * c);
  const int threads = thread_count(ctx.threads(), n, grain);
  auto* sums =
      static_cast<double*>(ctx.scratch(static_cast<std::size_t>(c * threads) * (sizeof(double) + sizeof(float))));
  auto* partial = reinterpret_cast<float*>(sums + c * threads);
  parallel_threads(threads, n, [&](int thread, std::int64_t begin, std::int64_t end) {
    double* s = sums + thread * c;
    for (std::int64_t i = begin; i < end; ++i) {
      std::fill(s, s + c, 0.0);
      simd().column_sums(x.as<float>() + i * pixels * c, pixels, c, s, partial + thread * c);
      for (std::int64_t k = 0; k < c; ++k)
        y.as<float>()[i * c + k] = static_cast<float>(s[k] / static_cast<double>(pixels));
    }
  });
}

void global_avg_pool_backward(ExecContext& ctx, const TensorView& dy, const TensorView& dx) {
  const std::int64_t n = dx.dims[0], c = dx.dims[1], pixels = dx.dims[2] * dx.dims[3];
  if (!is_contiguous(dy) || !is_channels_last(dx)) return reference().pool.global_avg_pool_backward(ctx, dy, dx);
  constexpr int kDivide = 3;
  const float divisor = static_cast<float>(pixels);
  parallel_for(ctx.threads(), n, row_grain(pixels * c), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end && pixels > 0; ++i) {
      float* first = dx.as<float>() + i * pixels * c;
      simd().binary(kDivide, dy.as<float>() + i * c, 1, &divisor, 0, first, c);
      for (std::int64_t k = 1; k < pixels; ++k) std::copy(first, first + c, first + k * c);
    }
  });
}

}  // namespace

void overlay_pool(KernelTable& t) {
  t.pool = {.max_pool2d = &max_pool2d,
            .max_pool2d_backward = &max_pool2d_backward,
            .global_avg_pool = &global_avg_pool,
            .global_avg_pool_backward = &global_avg_pool_backward};
}

}  // namespace fledge::cpu
