#include "kernels/profile/kernel_call.h"

#include <algorithm>

namespace fledge {
namespace {

/// As it lies in memory: a repeated axis has size 1.
Dims stored_dims(const TensorView& t) {
  Dims d = t.dims;
  for (int i = 0; i < d.rank(); ++i)
    if (t.strides[i] == 0) d[i] = std::min<std::int64_t>(d[i], 1);
  return d;
}

std::string count_text(std::size_t tensors, double numbers) {
  return std::to_string(tensors) + " tensors of " + std::to_string(static_cast<long long>(numbers)) + " numbers";
}

}  // namespace

double bytes_behind(const TensorView& t) {
  return static_cast<double>(stored_dims(t).numel()) * static_cast<double>(size_of(t.dtype));
}

void CallReader::word(const std::string& text) {
  if (std::find(words_.begin(), words_.end(), text) != words_.end()) return;  // inputs and output of one shape
  text_ += (text_.empty() ? "" : " ") + text;
  words_.push_back(text);
}

void CallReader::add(const TensorView& t) {
  if (t.data) {
    if (std::find(seen_.begin(), seen_.end(), t.data) != seen_.end()) return;
    seen_.push_back(t.data);
  }
  bytes_ += bytes_behind(t);
  word(to_string(stored_dims(t)) + facts_of(t.dtype).suffix);
}

void CallReader::add(const ConvEpilogue& e) {
  add(e.bias);
  add(e.residual);
}

void CallReader::add(const SeparableEpilogue& e) {
  add(e.depthwise_bias);
  add(e.bias);
}

void CallReader::add(const BatchNormBackwardArgs& a) {
  for (const TensorView* t : {&a.dy, &a.x, &a.y, &a.gamma, &a.mean, &a.invstd}) add(t);
  add(a.beta);
}

void CallReader::add(const BatchNormPointwiseArgs& a) {
  for (const TensorView* t : {&a.dy, &a.x, &a.gamma, &a.beta, &a.mean, &a.invstd, &a.w}) add(*t);
}

void CallReader::add(const BatchNormPointwiseGrads& g) {
  for (const TensorView* t : {g.dx, g.dgamma, g.dbeta, g.dw}) add(t);
}

void CallReader::add(const BatchNormGrads& g) {
  seen_.clear();  // written, perhaps over what was read
  for (const TensorView* t : {g.dx, g.dgamma, g.dbeta, g.dresidual}) add(t);
}

void CallReader::add(const StepScalars& s) { bytes_ += bytes_behind(s.rates) + bytes_behind(s.norm); }

void CallReader::add(std::span<const TensorView> tensors) {
  double numbers = 0;
  for (const TensorView& t : tensors) {
    numbers += static_cast<double>(t.numel());
    bytes_ += bytes_behind(t);
  }
  word(count_text(tensors.size(), numbers));
}

void CallReader::add(std::span<const OptimTensor> tensors) {
  double numbers = 0;
  for (const OptimTensor& t : tensors) {
    numbers += static_cast<double>(t.w.numel());
    bytes_ += bytes_behind(t.grad);
    for (const TensorView* updated : {&t.w, &t.first, &t.second})
      if (updated->data) bytes_ += 2 * bytes_behind(*updated);
  }
  word(count_text(tensors.size(), numbers));
}

void CallReader::add(UnaryOp op) { word(name_of(op)); }
void CallReader::add(BinaryOp op) { word(name_of(op)); }
void CallReader::add(ReduceOp op) { word(name_of(op)); }

void set_convolution(KernelCall& call, const TensorView& x, const TensorView& w, const TensorView& y,
                     const Conv2dParams& p) {
  call.descriptor = p.descriptor(x.dims, w.dims) + facts_of(x.dtype).suffix;
  call.flops = 2.0 * static_cast<double>(y.numel()) * static_cast<double>(w.dims[1] * w.dims[2] * w.dims[3]);
}

void set_separable(KernelCall& call, const TensorView& x, const TensorView& depthwise, const TensorView& pointwise,
                   const TensorView& y, const Conv2dParams& p) {
  call.descriptor = p.descriptor(x.dims, depthwise.dims) + " to " + std::to_string(pointwise.dims[0]);
  const double pixels = static_cast<double>(y.dims[0] * y.dims[2] * y.dims[3]);
  call.flops = 2.0 * pixels * static_cast<double>(depthwise.numel() + pointwise.numel());
}

void set_pixels_convolution(KernelCall& call, const TensorView& pixels, const TensorView& w, const TensorView& y,
                            const Conv2dParams& p) {
  set_convolution(call, normalized_view(pixels, nullptr, pixels.dtype), w, y, p);
}

void set_pointwise_backward(KernelCall& call, const BatchNormPointwiseArgs& in, const BatchNormPointwiseGrads& out) {
  set_convolution(call, in.x, in.w, in.dy, {});
  call.flops *= (out.dw ? 1 : 0) + (out.dx || out.dgamma || out.dbeta ? 1 : 0);
}

void set_matmul(KernelCall& call, const TensorView& a, const TensorView& c, const MatmulParams& p) {
  const std::int64_t m = c.dims[0], n = c.dims[1], k = a.dims[p.transpose_a ? 0 : 1];
  call.descriptor = "m" + std::to_string(m) + "n" + std::to_string(n) + "k" + std::to_string(k) +
                    (p.transpose_a ? " ta" : "") + (p.transpose_b ? " tb" : "");
  call.flops = 2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
}

}  // namespace fledge
