// Whole-row gathers as copies of runs. One element per row: the reference's loops are as good.
#include <algorithm>
#include <cstring>

#include "kernels/cpu/isa.h"
#include "kernels/cpu/overlays.h"
#include "kernels/cpu/parallel.h"

namespace fledge::cpu {
namespace {

void index_select(ExecContext& ctx, const TensorView& x, const TensorView& index, const TensorView& y) {
  if (!is_contiguous(x) || !is_contiguous(index) || !is_contiguous(y))
    return reference().gather.index_select(ctx, x, index, y);
  const std::int64_t c = x.dims[1];
  parallel_for(ctx.threads(), y.dims[0], row_grain(c), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i)
      std::copy_n(x.as<float>() + index.as<std::int64_t>()[i] * c, c, y.as<float>() + i * c);
  });
}

/// In the order of i, on one thread: several i may add to one row.
void index_select_backward(ExecContext& ctx, const TensorView& dy, const TensorView& index, const TensorView& dx) {
  if (!is_contiguous(dy) || !is_contiguous(index) || !is_contiguous(dx))
    return reference().gather.index_select_backward(ctx, dy, index, dx);
  constexpr int kAdd = 0;
  const std::int64_t c = dx.dims[1];
  simd().fill(dx.as<float>(), 0, dx.numel());
  for (std::int64_t i = 0; i < dy.dims[0]; ++i) {
    float* to = dx.as<float>() + index.as<std::int64_t>()[i] * c;
    simd().binary(kAdd, to, 1, dy.as<float>() + i * c, 1, to, c);
  }
}

}  // namespace

void overlay_gather(KernelTable& t) {
  t.gather.index_select = &index_select;
  t.gather.index_select_backward = &index_select_backward;
}

}  // namespace fledge::cpu
