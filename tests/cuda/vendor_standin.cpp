// In place of cuDNN and cuBLAS: the entries of kernels/cudnn/table.h through the reference, as work of the emulated
// stream. bfloat16 operands are widened, and what is bfloat16 in the result rounded once. What follows a convolution is
// the pass of kernels/cudnn/epilogue.cu, so that it runs here, too.
#include <cuda_runtime.h>

#include <optional>
#include <vector>

#include "kernels/cuda/runtime/runtime.h"
#include "kernels/cudnn/epilogue.h"
#include "kernels/cudnn/table.h"
#include "kernels/ref/cast.h"
#include "kernels/ref/table.h"

namespace fledge::cudnn {
namespace {

const KernelTable& reference() {
  static const KernelTable table = ref::ref_table<float>();
  return table;
}
ExecContext& context() {
  static ExecContext ctx(1);
  return ctx;
}

template <class F>
void enqueue(F work) {
  emulator::enqueue(cuda::stream(), std::move(work));
}

/// A view in float: itself, or a widened copy, which write_back() rounds into
/// it. Vendor kernels take dense tensors only.
class Floats {
 public:
  explicit Floats(const TensorView& v) : original_(v), view_(v) {
    if (v.dtype != DType::BFloat16) return;
    for (const BFloat16 *p = v.as<BFloat16>(), *end = p + v.numel(); p != end; ++p) copy_.push_back(widen(*p));
    view_.data = copy_.data();
    view_.dtype = DType::Float32;
  }
  const TensorView& view() const { return view_; }
  void write_back() const {
    for (std::size_t i = 0; i < copy_.size(); ++i) original_.as<BFloat16>()[i] = ref::to_bfloat16(copy_[i]);
  }

 private:
  TensorView original_, view_;
  std::vector<float> copy_;
};

void forward_fused(ExecContext&, const TensorView& x, const TensorView& w, const ConvEpilogue& e, const TensorView& y,
                   const Conv2dParams& p) {
  if (y.numel() == 0) return;
  const float* bias = e.bias ? e.bias->as<float>() : nullptr;
  const std::optional<TensorView> residual = e.residual ? std::optional(*e.residual) : std::nullopt;
  if (y.dtype == DType::Float32 && !(residual && residual->data == y.data)) {
    enqueue([=] { reference().conv.forward(context(), x, w, nullptr, y, p); });
    apply_epilogue(DType::Float32, y.data, bias, residual ? residual->data : nullptr, e.activation,
                   y.numel() / y.dims[1], y.dims[1]);
    return;
  }
  const std::optional<TensorView> bias_view = e.bias ? std::optional(*e.bias) : std::nullopt;
  enqueue([=, activation = e.activation] {
    const Floats fx(x), fw(w), fy(y);
    const std::optional<Floats> add = residual ? std::optional<Floats>(*residual) : std::nullopt;
    const ConvEpilogue epilogue{bias_view ? &*bias_view : nullptr, add ? &add->view() : nullptr, activation};
    reference().conv.forward_fused(context(), fx.view(), fw.view(), epilogue, fy.view(), p);
    fy.write_back();
  });
}

void forward(ExecContext& ctx, const TensorView& x, const TensorView& w, const TensorView* bias, const TensorView& y,
             const Conv2dParams& p) {
  forward_fused(ctx, x, w, {.bias = bias}, y, p);
}

void grad_input(ExecContext&, const TensorView& dy, const TensorView& w, const TensorView& dx, const Conv2dParams& p) {
  enqueue([=] {
    const Floats fdy(dy), fw(w), fdx(dx);
    reference().conv.grad_input(context(), fdy.view(), fw.view(), fdx.view(), p);
    fdx.write_back();
  });
}

/// As cuDNN: the gradient of bfloat16 operands is rounded to bfloat16, then widened.
void grad_weight(ExecContext&, const TensorView& dy, const TensorView& x, const TensorView& dw, const Conv2dParams& p) {
  const bool narrow = x.dtype == DType::BFloat16;
  const cuda::Scratch scratch(narrow ? static_cast<std::size_t>(dw.numel()) * sizeof(BFloat16) : 0);
  TensorView result = dw;
  if (narrow) {
    result.data = scratch.as<void>();
    result.dtype = DType::BFloat16;
  }
  enqueue([=] {
    const Floats fdy(dy), fx(x), fdw(result);
    reference().conv.grad_weight(context(), fdy.view(), fx.view(), fdw.view(), p);
    fdw.write_back();
  });
  if (narrow && dw.numel() > 0) widen(result.data, dw.as<float>(), dw.numel());
}

void matmul(ExecContext&, const TensorView& a, const TensorView& b, const TensorView* bias, const TensorView& c,
            const MatmulParams& p) {
  const std::optional<TensorView> add = bias ? std::optional(*bias) : std::nullopt;
  enqueue([=] { reference().gemm.matmul(context(), a, b, add ? &*add : nullptr, c, p); });
}

}  // namespace

void overlay(KernelTable& f32, KernelTable& bf16) {
  for (KernelTable* table : {&f32, &bf16}) {
    table->conv.forward = &forward;
    table->conv.forward_fused = &forward_fused;
    table->conv.grad_input = &grad_input;
    table->conv.grad_weight = &grad_weight;
  }
  f32.gemm.matmul = &matmul;
}

std::string cudnn_version() { return "emulated"; }
std::string cublas_version() { return "emulated"; }

}  // namespace fledge::cudnn
