// Line format: fledge_verbose,<op>,<implementation>,<descriptor>,<ms>
#include "kernels/cpu/verbose.h"

#include <chrono>
#include <cstdio>
#include <string>

#include "base/environment.h"
#include "kernels/cpu/isa.h"

namespace fledge::cpu {
namespace {

/// The entries that are wrapped, one copy per table.
template <VerboseTable T>
KernelTable& inner() {
  static KernelTable table;
  return table;
}

class Line {
 public:
  Line(const char* op, std::string implementation, std::string descriptor)
      : op_(op), implementation_(std::move(implementation)), descriptor_(std::move(descriptor)) {}
  ~Line() {
    const double ms = std::chrono::duration<double, std::milli>(Clock::now() - start_).count();
    std::fprintf(stderr, "fledge_verbose,%s,%s,%s,%.4f\n", op_, implementation_.c_str(), descriptor_.c_str(), ms);
  }

 private:
  using Clock = std::chrono::steady_clock;
  const char* op_;
  std::string implementation_, descriptor_;
  Clock::time_point start_ = Clock::now();
};

/// Who computes a convolution in this table: the rule of kernels/cpu/conv.cpp.
template <VerboseTable T>
std::string implementation(const TensorView& x, const TensorView& w, const TensorView& y, const Conv2dParams& p) {
  const bool channels_last = is_channels_last(x) && is_channels_last(y);
  if (T != VerboseTable::Ref && channels_last && p.is_depthwise(x.dims, w.dims))
    return std::string("simd:") + simd().isa;
  return T == VerboseTable::OneDnn && channels_last && is_channels_last(w) ? "onednn" : "ref";
}

template <VerboseTable T>
void forward(ExecContext& ctx, const TensorView& x, const TensorView& w, const TensorView* bias, const TensorView& y,
             const Conv2dParams& p) {
  const Line line("conv2d", implementation<T>(x, w, y, p), p.descriptor(x.dims, w.dims));
  inner<T>().conv.forward(ctx, x, w, bias, y, p);
}
template <VerboseTable T>
void grad_input(ExecContext& ctx, const TensorView& dy, const TensorView& w, const TensorView& dx,
                const Conv2dParams& p) {
  const Line line("conv2d_grad_input", implementation<T>(dx, w, dy, p), p.descriptor(dx.dims, w.dims));
  inner<T>().conv.grad_input(ctx, dy, w, dx, p);
}
template <VerboseTable T>
void grad_weight(ExecContext& ctx, const TensorView& dy, const TensorView& x, const TensorView& dw,
                 const Conv2dParams& p) {
  const Line line("conv2d_grad_weight", implementation<T>(x, dw, dy, p), p.descriptor(x.dims, dw.dims));
  inner<T>().conv.grad_weight(ctx, dy, x, dw, p);
}
template <VerboseTable T>
void forward_fused(ExecContext& ctx, const TensorView& x, const TensorView& w, const ConvEpilogue& e,
                   const TensorView& y, const Conv2dParams& p) {
  const Line line("conv2d_fused", implementation<T>(x, w, y, p), p.descriptor(x.dims, w.dims));
  inner<T>().conv.forward_fused(ctx, x, w, e, y, p);
}
template <VerboseTable T>
void matmul(ExecContext& ctx, const TensorView& a, const TensorView& b, const TensorView* bias, const TensorView& c,
            const MatmulParams& p) {
  const std::int64_t k = a.dims[p.transpose_a ? 0 : 1];
  const Line line("matmul", T == VerboseTable::OneDnn ? "onednn" : "ref",
                  "m" + std::to_string(c.dims[0]) + "n" + std::to_string(c.dims[1]) + "k" + std::to_string(k) +
                      (p.transpose_a ? " ta" : "") + (p.transpose_b ? " tb" : ""));
  inner<T>().gemm.matmul(ctx, a, b, bias, c, p);
}

template <VerboseTable T>
void wrap(KernelTable& t) {
  inner<T>() = t;
  t.conv.forward = &forward<T>;
  t.conv.grad_input = &grad_input<T>;
  t.conv.grad_weight = &grad_weight<T>;
  t.conv.forward_fused = &forward_fused<T>;
  t.gemm.matmul = &matmul<T>;
}

}  // namespace

bool verbose() { return environment_switch("FLEDGE_VERBOSE"); }

void overlay_verbose(KernelTable& t, VerboseTable which) {
  switch (which) {
    case VerboseTable::Ref:
      return wrap<VerboseTable::Ref>(t);
    case VerboseTable::Simd:
      return wrap<VerboseTable::Simd>(t);
    case VerboseTable::OneDnn:
      return wrap<VerboseTable::OneDnn>(t);
  }
}

}  // namespace fledge::cpu
