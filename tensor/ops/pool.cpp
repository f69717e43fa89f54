#include "tensor/ops/pool.h"

#include "tensor/ops/call/check.h"
#include "tensor/ops/call/dispatch.h"
#include "tensor/ops/call/layout.h"

namespace fledge {

namespace {

std::string sizes(const Dims& x, const Pool2dParams& p) {
  auto s = [](std::int64_t v) { return std::to_string(v); };
  return "input " + to_string(x) + ", kernel " + s(p.kernel_h) + "x" + s(p.kernel_w) + ", stride " + s(p.stride_h) +
         "x" + s(p.stride_w) + ", padding " + s(p.pad_top) + "," + s(p.pad_left) + "," + s(p.pad_bottom) + "," +
         s(p.pad_right);
}

Dims checked_output(const char* op, const Dims& x, const Pool2dParams& p) {
  if (p.kernel_h < 1 || p.kernel_w < 1 || p.stride_h < 1 || p.stride_w < 1) [[unlikely]]
    check::fail(op, "kernel and stride must be at least 1: " + sizes(x, p));
  // A window that lies in the padding altogether has no maximum.
  auto fits = [](int pad, int window) { return pad >= 0 && pad < window; };
  if (!fits(p.pad_top, p.kernel_h) || !fits(p.pad_bottom, p.kernel_h) || !fits(p.pad_left, p.kernel_w) ||
      !fits(p.pad_right, p.kernel_w)) [[unlikely]]
    check::fail(op, "padding must be smaller than the kernel: " + sizes(x, p));
  if (x[2] < 1 || x[3] < 1 || x[2] + p.pad_top + p.pad_bottom < p.kernel_h ||
      x[3] + p.pad_left + p.pad_right < p.kernel_w) [[unlikely]]
    check::fail(op, "the window is larger than the padded picture, no output is left: " + sizes(x, p));
  return p.output_dims(x);
}

void check_rank4(const char* op, const Dims& x_dims) {
  if (x_dims.rank() != 4) [[unlikely]]
    check::fail(op, "x_dims must be four sizes: " + to_string(x_dims));
}

}  // namespace

MaxPoolResult max_pool2d(const Tensor& x, const Pool2dParams& params, bool with_indices) {
  constexpr const char* op = "max_pool2d";
  check::rank(op, {x, "input"}, 4);
  const Dims y_dims = checked_output(op, x.dims(), params);
  const auto forward = kernel<&KernelTable::pool, &PoolKernels::max_pool2d>(op, x);
  MaxPoolResult result;
  result.y = Tensor::empty(y_dims, x.dtype(), Layout::ChannelsLast, x.device());
  TensorView indices;
  if (with_indices) {
    result.indices = Tensor::empty(y_dims, DType::Int32, Layout::ChannelsLast, x.device());
    indices = result.indices.view();
  }
  if (result.y.numel() == 0) return result;
  forward(context(), ChannelsLastArg(op, "input", x), result.y.view(), with_indices ? &indices : nullptr, params);
  return result;
}

Tensor max_pool2d_backward(const Tensor& dy, const Tensor& indices, const Dims& x_dims, const Pool2dParams& params) {
  constexpr const char* op = "max_pool2d_backward";
  check::rank(op, {dy, "output gradient"}, 4);
  check::rank(op, {indices, "indices"}, 4);
  check_rank4(op, x_dims);
  check::fits(op, {dy, "output gradient"}, {dy, "output gradient"}, checked_output(op, x_dims, params),
              "the output's sizes");
  check::dtype(op, {indices, "indices"}, DType::Int32);
  check::same_dims(op, {dy, "output gradient"}, {indices, "indices"});
  check::same_device(op, {dy, "output gradient"}, {indices, "indices"});
  const auto backward = kernel<&KernelTable::pool, &PoolKernels::max_pool2d_backward>(op, dy);
  Tensor dx = Tensor::empty(x_dims, dy.dtype(), Layout::ChannelsLast, dy.device());
  if (dx.numel() == 0) return dx;
  backward(context(), ChannelsLastArg(op, "output gradient", dy), ChannelsLastArg(op, "indices", indices), dx.view(),
           params);
  return dx;
}

Tensor global_avg_pool(const Tensor& x) {
  constexpr const char* op = "global_avg_pool";
  check::rank(op, {x, "input"}, 4);
  if (x.dim(2) * x.dim(3) == 0) [[unlikely]]
    check::fail(op, "the mean of no pixels is undefined: input " + describe(x));
  const auto forward = kernel<&KernelTable::pool, &PoolKernels::global_avg_pool>(op, x);
  Tensor y = Tensor::empty({x.dim(0), x.dim(1)}, accumulated(x.dtype()), Layout::Contiguous, x.device());
  if (y.numel() > 0) forward(context(), ChannelsLastArg(op, "input", x), y.view());
  return y;
}

Tensor global_avg_pool_backward(const Tensor& dy, const Dims& x_dims, DType x_dtype) {
  constexpr const char* op = "global_avg_pool_backward";
  check::rank(op, {dy, "output gradient"}, 2);
  check_rank4(op, x_dims);
  check::fits(op, {dy, "output gradient"}, {dy, "output gradient"}, {x_dims[0], x_dims[1]},
              "batch and channels of x_dims");
  check::dtype(op, {dy, "output gradient"}, accumulated(x_dtype));
  Tensor dx = Tensor::empty(x_dims, x_dtype, Layout::ChannelsLast, dy.device());
  const auto backward = kernel<&KernelTable::pool, &PoolKernels::global_avg_pool_backward>(op, dx);
  if (dx.numel() > 0) backward(context(), ContiguousArg(op, "output gradient", dy), dx.view());
  return dx;
}

}  // namespace fledge
