// Pooling in mixed precision: blocks of pictures through the float32 entries. The pooled features, and their gradient,
// are float32.
#include "kernels/cpu/bf16/families.h"
#include "kernels/cpu/bf16/pictures.h"

namespace fledge::cpu::bf16 {
namespace {

const PoolKernels& float_pool() { return float_table(KernelSet::Simd).pool; }

void narrow_max_pool2d(ExecContext& ctx, const TensorView& x, const TensorView& y, const TensorView* indices,
                       const Pool2dParams& p) {
  if (!is_channels_last(x) || !is_channels_last(y) || (indices && !is_channels_last(*indices)))
    return plain().pool.max_pool2d(ctx, x, y, indices, p);
  PictureBlocks blocks(ctx, {&x, &y, indices});
  for_blocks(ctx, blocks, [&](std::int64_t) {
    blocks.widen(0);
    float_pool().max_pool2d(ctx, blocks.wide(0), blocks.wide(1), blocks.pointer(2), p);
    blocks.narrow(1);
  });
}

void narrow_max_pool2d_backward(ExecContext& ctx, const TensorView& dy, const TensorView& indices, const TensorView& dx,
                                const Pool2dParams& p) {
  if (!is_channels_last(dy) || !is_channels_last(indices) || !is_channels_last(dx))
    return plain().pool.max_pool2d_backward(ctx, dy, indices, dx, p);
  PictureBlocks blocks(ctx, {&dy, &indices, &dx});
  for_blocks(ctx, blocks, [&](std::int64_t) {
    blocks.widen(0);
    float_pool().max_pool2d_backward(ctx, blocks.wide(0), blocks.wide(1), blocks.wide(2), p);
    blocks.narrow(2);
  });
}

void narrow_global_avg_pool(ExecContext& ctx, const TensorView& x, const TensorView& y) {
  if (!is_channels_last(x) || !is_contiguous(y)) return plain().pool.global_avg_pool(ctx, x, y);
  PictureBlocks blocks(ctx, {&x, &y});
  for_blocks(ctx, blocks, [&](std::int64_t) {
    blocks.widen(0);
    float_pool().global_avg_pool(ctx, blocks.wide(0), blocks.wide(1));
  });
}

void narrow_global_avg_pool_backward(ExecContext& ctx, const TensorView& dy, const TensorView& dx) {
  if (!is_contiguous(dy) || !is_channels_last(dx)) return plain().pool.global_avg_pool_backward(ctx, dy, dx);
  PictureBlocks blocks(ctx, {&dy, &dx});
  for_blocks(ctx, blocks, [&](std::int64_t) {
    float_pool().global_avg_pool_backward(ctx, blocks.wide(0), blocks.wide(1));
    blocks.narrow(1);
  });
}

}  // namespace

void overlay_pool(KernelTable& t) {
  t.pool = {.max_pool2d = &narrow_max_pool2d,
            .max_pool2d_backward = &narrow_max_pool2d_backward,
            .global_avg_pool = &narrow_global_avg_pool,
            .global_avg_pool_backward = &narrow_global_avg_pool_backward};
}

}  // namespace fledge::cpu::bf16
