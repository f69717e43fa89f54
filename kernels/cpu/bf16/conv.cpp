// Convolutions in mixed precision. Where the processor multiplies bfloat16, oneDNN does. Elsewhere blocks of pictures
// go through the float32 entries, widened on the way in and narrowed on the way out.
#include "kernels/onednn/conv.h"

#include <vector>

#include "kernels/cpu/bf16/blocks.h"
#include "kernels/cpu/bf16/families.h"
#include "kernels/cpu/bf16/pictures.h"
#include "kernels/cpu/column_sums.h"
#include "kernels/cpu/parallel.h"
#include "kernels/onednn/isa.h"
#include "kernels/plan/packed_weights.h"

namespace fledge::cpu::bf16 {
namespace {

bool all_dense(const TensorView& a, const TensorView& b, const TensorView& c, const TensorView* residual = nullptr) {
  return is_channels_last(a) && is_channels_last(b) && is_channels_last(c) &&
         (!residual || is_channels_last(*residual));
}

template <KernelSet S>
bool by_onednn() {
  return S == KernelSet::OneDnn && onednn::multiplies_bf16();
}

/// The weight in float32: kept in its slot, where the float32 kernels look for what they keep of it too, as it has the
/// same holder and version; else in `room`.
TensorView wide_weight(const TensorView& w, float* room) {
  static constexpr char kOwner = 0;
  const auto to_floats = [&](void* to) { widen(w.as<std::uint16_t>(), static_cast<float*>(to), w.numel()); };
  TensorView wide = w;
  wide.dtype = DType::Float32;
  wide.data = room;
  if (w.holder)
    wide.data = PackedWeights::of(w, {&kOwner, 0}, static_cast<std::size_t>(w.numel()) * sizeof(float), to_floats);
  else
    to_floats(room);
  return wide;
}

/// How a convolution is divided. The weights, or what Winograd makes of them, are read once a block.
BlockOptions division_of(const Dims& x, const TensorView& w, const Conv2dParams& p, std::int64_t more) {
  const bool one_tap = w.dims[2] == 1 && w.dims[3] == 1 && p.stride_h == 1 && p.stride_w == 1 && p.groups == 1;
  const bool padded = p.pad_top || p.pad_left || p.pad_bottom || p.pad_right;
  return {.more = more, .at_least = 4 * w.numel(), .by_rows = one_tap && !padded && x[0] > 0};
}

std::int64_t room_for(const TensorView& w) { return w.holder ? 0 : w.numel(); }

template <KernelSet S>
void forward_widened(ExecContext& ctx, const TensorView& x, const TensorView& w, const ConvEpilogue& e,
                     const TensorView& y, const Conv2dParams& p, bool fused) {
  const ConvKernels& conv = float_table(S).conv;
  PictureBlocks blocks(ctx, {&x, &y, e.residual}, division_of(x.dims, w, p, room_for(w)));
  const TensorView weight = wide_weight(w, blocks.more());
  for_blocks(ctx, blocks, [&](std::int64_t) {
    blocks.widen(0);
    if (e.residual) blocks.widen(2);
    if (fused)
      conv.forward_fused(ctx, blocks.wide(0), weight, {e.bias, blocks.pointer(2), e.activation}, blocks.wide(1), p);
    else
      conv.forward(ctx, blocks.wide(0), weight, e.bias, blocks.wide(1), p);
    blocks.narrow(1);
  });
}

template <KernelSet S>
void narrow_forward_fused(ExecContext& ctx, const TensorView& x, const TensorView& w, const ConvEpilogue& e,
                          const TensorView& y, const Conv2dParams& p) {
  if (!all_dense(x, w, y, e.residual)) return plain().conv.forward_fused(ctx, x, w, e, y, p);
  if (by_onednn<S>()) return onednn::conv2d_forward_fused(ctx, x, w, e, y, p);
  forward_widened<S>(ctx, x, w, e, y, p, true);
}

template <KernelSet S>
void narrow_forward(ExecContext& ctx, const TensorView& x, const TensorView& w, const TensorView* bias,
                    const TensorView& y, const Conv2dParams& p) {
  if (!all_dense(x, w, y)) return plain().conv.forward(ctx, x, w, bias, y, p);
  if (by_onednn<S>()) return onednn::conv2d_forward(ctx, x, w, bias, y, p);
  forward_widened<S>(ctx, x, w, {.bias = bias}, y, p, false);
}

template <KernelSet S>
void narrow_grad_input(ExecContext& ctx, const TensorView& dy, const TensorView& w, const TensorView& dx,
                       const Conv2dParams& p) {
  if (!all_dense(dy, w, dx)) return plain().conv.grad_input(ctx, dy, w, dx, p);
  if (by_onednn<S>()) return onednn::conv2d_grad_input(ctx, dy, w, dx, p);
  PictureBlocks blocks(ctx, {&dy, &dx}, division_of(dx.dims, w, p, room_for(w)));
  const TensorView weight = wide_weight(w, blocks.more());
  for_blocks(ctx, blocks, [&](std::int64_t) {
    blocks.widen(0);
    float_table(S).conv.grad_input(ctx, blocks.wide(0), weight, blocks.wide(1), p);
    blocks.narrow(1);
  });
}

/// A sum over blocks, in order.
template <KernelSet S>
void narrow_grad_weight(ExecContext& ctx, const TensorView& dy, const TensorView& x, const TensorView& dw,
                        const Conv2dParams& p) {
  if (!all_dense(dy, x, dw)) return plain().conv.grad_weight(ctx, dy, x, dw, p);
  if (by_onednn<S>() && onednn::bf16_grad_weight_is_right(x, dw)) return onednn::conv2d_grad_weight(ctx, dy, x, dw, p);
  PictureBlocks blocks(ctx, {&dy, &x}, division_of(x.dims, dw, p, dw.numel()));
  TensorView part = dw;
  for_blocks(ctx, blocks, [&](std::int64_t block) {
    blocks.widen(0);
    blocks.widen(1);
    if (block > 0) part.data = blocks.more(), part.holder = nullptr;
    float_table(S).conv.grad_weight(ctx, blocks.wide(0), blocks.wide(1), part, p);
    if (block == 0) return;
    constexpr int kAdd = 0;
    parallel_flat(ctx.threads(), dw.numel(), row_grain(1), [&](std::int64_t begin, std::int64_t end) {
      float* sum = dw.as<float>() + begin;
      simd().binary(kAdd, sum, 1, part.as<float>() + begin, 1, sum, end - begin);
    });
  });
}

void narrow_grad_bias(ExecContext& ctx, const TensorView& dy, const TensorView& db) {
  const std::int64_t c = dy.dims[1], rows = c ? dy.numel() / c : 0;
  if (rows == 0 || !is_channels_last(dy)) return plain().conv.grad_bias(ctx, dy, db);
  PictureBlocks blocks(ctx, {&dy});
  std::vector<double> sums(static_cast<std::size_t>(c));
  for_blocks(ctx, blocks, [&](std::int64_t) {
    blocks.widen(0);
    const TensorView& wide = blocks.wide(0);
    const double* more = column_sums(ctx, wide.as<float>(), wide.numel() / c, c);
    for (std::int64_t k = 0; k < c; ++k) sums[static_cast<std::size_t>(k)] += more[k];
  });
  for (std::int64_t k = 0; k < c; ++k) db.as<float>()[k] = static_cast<float>(sums[static_cast<std::size_t>(k)]);
}

template <KernelSet S>
ConvKernels entries() {
  return {.forward = &narrow_forward<S>,
          .grad_input = &narrow_grad_input<S>,
          .grad_weight = &narrow_grad_weight<S>,
          .grad_bias = &narrow_grad_bias,
          .forward_fused = &narrow_forward_fused<S>};
}

}  // namespace

void overlay_conv(KernelTable& t, KernelSet set) {
  t.conv = set == KernelSet::OneDnn ? entries<KernelSet::OneDnn>() : entries<KernelSet::Simd>();
}

}  // namespace fledge::cpu::bf16
