// The tables' convolution entries: depthwise problems go to own kernels, all others to whoever had the entry before.
#include "kernels/cuda/depthwise/depthwise.h"

#include "kernels/cuda/device/bf16.cuh"
#include "kernels/cuda/overlays.h"

namespace fledge::cuda {
namespace {

/// The entries that do what is not depthwise.
template <class T>
ConvKernels& others() {
  static ConvKernels kernels;
  return kernels;
}

template <class T>
void forward_fused(ExecContext& ctx, const TensorView& x, const TensorView& w, const ConvEpilogue& e,
                   const TensorView& y, const Conv2dParams& p) {
  if (!p.is_depthwise(x.dims, w.dims)) return others<T>().forward_fused(ctx, x, w, e, y, p);
  depthwise_forward("conv2d_fused", {x.dims, w.dims, y.dims, p}, x.as<T>(), w.as<T>(), false, e, y.as<T>());
}

template <class T>
void forward(ExecContext& ctx, const TensorView& x, const TensorView& w, const TensorView* bias, const TensorView& y,
             const Conv2dParams& p) {
  if (!p.is_depthwise(x.dims, w.dims)) return others<T>().forward(ctx, x, w, bias, y, p);
  depthwise_forward("conv2d", {x.dims, w.dims, y.dims, p}, x.as<T>(), w.as<T>(), false, {.bias = bias}, y.as<T>());
}

template <class T>
void grad_input(ExecContext& ctx, const TensorView& dy, const TensorView& w, const TensorView& dx,
                const Conv2dParams& p) {
  if (!p.is_depthwise(dx.dims, w.dims)) return others<T>().grad_input(ctx, dy, w, dx, p);
  depthwise_grad_input({dx.dims, w.dims, dy.dims, p}, dy.as<T>(), w.as<T>(), dx.as<T>());
}

template <class T>
void grad_weight(ExecContext& ctx, const TensorView& dy, const TensorView& x, const TensorView& dw,
                 const Conv2dParams& p) {
  if (!p.is_depthwise(x.dims, dw.dims)) return others<T>().grad_weight(ctx, dy, x, dw, p);
  depthwise_grad_weight({x.dims, dw.dims, dy.dims, p}, dy.as<T>(), x.as<T>(), dw.as<float>());
}

template <class T>
void overlay(ConvKernels& kernels) {
  others<T>() = kernels;
  kernels = {};
  kernels.forward = &forward<T>;
  kernels.grad_input = &grad_input<T>;
  kernels.grad_weight = &grad_weight<T>;
  kernels.grad_bias = &conv_grad_bias<T>;
  kernels.forward_fused = &forward_fused<T>;
}

}  // namespace

void overlay_depthwise(KernelTable& f32, KernelTable& bf16_table) {
  overlay<float>(f32.conv);
  overlay<bf16>(bf16_table.conv);
}

}  // namespace fledge::cuda
