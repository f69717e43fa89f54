// The reference in mixed precision (kernels/README.md): bfloat16 arguments are widened, the float32 loops run, and what
// they wrote is rounded to bfloat16 once. float32 and integer arguments are taken as they are.
#include <vector>

#include "kernels/ref/table.h"

namespace fledge::ref {

void copy(ExecContext&, const TensorView& from, const TensorView& to);  // copy.cpp: every dtype
void fill(ExecContext&, const TensorView& to, double value);

namespace {

const KernelTable& wide_table() {
  static const KernelTable table = ref_table<float>();
  return table;
}

enum class Use { Read, Written };

/// One argument, perhaps null, as the float32 loops take it. A written one is narrowed when this goes.
class Wide {
 public:
  Wide(ExecContext& ctx, const TensorView* t, Use use = Use::Read) : ctx_(ctx), target_(t) {
    if (!t) return;
    view_ = *t;
    if (t->dtype != DType::BFloat16) return;
    values_.resize(static_cast<std::size_t>(t->numel()));
    view_.data = values_.data();
    view_.dtype = DType::Float32;
    view_.holder = nullptr;
    std::int64_t stride = 1;
    for (int i = t->dims.rank() - 1; i >= 0; stride *= t->dims[i--]) view_.strides[i] = stride;
    narrows_ = use == Use::Written;
    if (!narrows_) copy(ctx, *t, view_);
  }
  Wide(ExecContext& ctx, const TensorView& t, Use use = Use::Read) : Wide(ctx, &t, use) {}
  ~Wide() {
    if (narrows_) copy(ctx_, view_, *target_);
  }
  Wide(const Wide&) = delete;
  Wide& operator=(const Wide&) = delete;

  operator const TensorView&() const { return view_; }
  const TensorView* pointer() const { return target_ ? &view_ : nullptr; }

 private:
  ExecContext& ctx_;
  const TensorView* target_;
  TensorView view_;
  std::vector<float> values_;
  bool narrows_ = false;
};

// --- convolution -----------------------------------------------------------------------------------------------------

void conv2d_forward_fused(ExecContext& ctx, const TensorView& x, const TensorView& w, const ConvEpilogue& e,
                          const TensorView& y, const Conv2dParams& p) {
  const Wide residual(ctx, e.residual), result(ctx, y, Use::Written);
  wide_table().conv.forward_fused(ctx, Wide(ctx, x), Wide(ctx, w), {e.bias, residual.pointer(), e.activation}, result,
                                  p);
}

void conv2d_forward(ExecContext& ctx, const TensorView& x, const TensorView& w, const TensorView* bias,
                    const TensorView& y, const Conv2dParams& p) {
  conv2d_forward_fused(ctx, x, w, {.bias = bias}, y, p);
}

void conv2d_grad_input(ExecContext& ctx, const TensorView& dy, const TensorView& w, const TensorView& dx,
                       const Conv2dParams& p) {
  const Wide result(ctx, dx, Use::Written);
  wide_table().conv.grad_input(ctx, Wide(ctx, dy), Wide(ctx, w), result, p);
}

void conv2d_grad_weight(ExecContext& ctx, const TensorView& dy, const TensorView& x, const TensorView& dw,
                        const Conv2dParams& p) {
  wide_table().conv.grad_weight(ctx, Wide(ctx, dy), Wide(ctx, x), dw, p);
}

void conv2d_grad_bias(ExecContext& ctx, const TensorView& dy, const TensorView& db) {
  wide_table().conv.grad_bias(ctx, Wide(ctx, dy), db);
}

// --- batch norm ------------------------------------------------------------------------------------------------------

void batch_norm_train(ExecContext& ctx, const TensorView& x, const TensorView& gamma, const TensorView& beta,
                      const TensorView* residual, const TensorView& y, const TensorView& mean, const TensorView& invstd,
                      const TensorView* running_mean, const TensorView* running_var, const BatchNormParams& p) {
  const Wide wide_residual(ctx, residual), result(ctx, y, Use::Written);
  wide_table().norm.batch_norm_train(ctx, Wide(ctx, x), gamma, beta, wide_residual.pointer(), result, mean, invstd,
                                     running_mean, running_var, p);
}

void batch_norm_eval(ExecContext& ctx, const TensorView& x, const TensorView& gamma, const TensorView& beta,
                     const TensorView& mean, const TensorView& var, const TensorView* residual, const TensorView& y,
                     const BatchNormParams& p) {
  const Wide wide_residual(ctx, residual), result(ctx, y, Use::Written);
  wide_table().norm.batch_norm_eval(ctx, Wide(ctx, x), gamma, beta, mean, var, wide_residual.pointer(), result, p);
}

void batch_norm_backward(ExecContext& ctx, const BatchNormBackwardArgs& in, const BatchNormGrads& out,
                         bool batch_statistics, const BatchNormParams& p) {
  const Wide dy(ctx, in.dy), x(ctx, in.x), y(ctx, p.activation == Activation::None ? in.dy : in.y);
  const Wide dx(ctx, out.dx, Use::Written), dresidual(ctx, out.dresidual, Use::Written);
  wide_table().norm.batch_norm_backward(ctx, {dy, x, y, in.gamma, in.mean, in.invstd},
                                        {dx.pointer(), out.dgamma, out.dbeta, dresidual.pointer()}, batch_statistics,
                                        p);
}

// --- pooling ---------------------------------------------------------------------------------------------------------

void max_pool2d(ExecContext& ctx, const TensorView& x, const TensorView& y, const TensorView* indices,
                const Pool2dParams& p) {
  const Wide result(ctx, y, Use::Written);
  wide_table().pool.max_pool2d(ctx, Wide(ctx, x), result, indices, p);
}

void max_pool2d_backward(ExecContext& ctx, const TensorView& dy, const TensorView& indices, const TensorView& dx,
                         const Pool2dParams& p) {
  const Wide result(ctx, dx, Use::Written);
  wide_table().pool.max_pool2d_backward(ctx, Wide(ctx, dy), indices, result, p);
}

void global_avg_pool(ExecContext& ctx, const TensorView& x, const TensorView& y) {
  wide_table().pool.global_avg_pool(ctx, Wide(ctx, x), y);
}

void global_avg_pool_backward(ExecContext& ctx, const TensorView& dy, const TensorView& dx) {
  const Wide result(ctx, dx, Use::Written);
  wide_table().pool.global_avg_pool_backward(ctx, dy, result);
}

// --- elementwise, pictures -------------------------------------------------------------------------------------------

void unary(ExecContext& ctx, UnaryOp op, const TensorView& x, const TensorView& y, const UnaryParams& p) {
  const Wide result(ctx, y, Use::Written);
  wide_table().eltwise.unary(ctx, op, Wide(ctx, x), result, p);
}

void unary_backward(ExecContext& ctx, UnaryOp op, const TensorView& dy, const TensorView& x, const TensorView& y,
                    const TensorView& dx, const UnaryParams& p) {
  const Wide result(ctx, dx, Use::Written);
  wide_table().eltwise.unary_backward(ctx, op, Wide(ctx, dy), Wide(ctx, x), y, result, p);
}

void binary(ExecContext& ctx, BinaryOp op, const TensorView& a, const TensorView& b, const TensorView& y) {
  const Wide result(ctx, y, Use::Written);
  wide_table().eltwise.binary(ctx, op, Wide(ctx, a), Wide(ctx, b), result);
}

void normalize(ExecContext& ctx, const TensorView& pixels, const TensorView& y, const NormalizeParams& p) {
  const Wide result(ctx, y, Use::Written);
  wide_table().image.normalize(ctx, pixels, result, p);
}

}  // namespace

KernelTable ref_bf16_table() {
  KernelTable t;
  t.conv = {.forward = &conv2d_forward,
            .grad_input = &conv2d_grad_input,
            .grad_weight = &conv2d_grad_weight,
            .grad_bias = &conv2d_grad_bias,
            .forward_fused = &conv2d_forward_fused};
  t.norm = {.batch_norm_train = &batch_norm_train,
            .batch_norm_eval = &batch_norm_eval,
            .batch_norm_backward = &batch_norm_backward};
  t.pool = {.max_pool2d = &max_pool2d,
            .max_pool2d_backward = &max_pool2d_backward,
            .global_avg_pool = &global_avg_pool,
            .global_avg_pool_backward = &global_avg_pool_backward};
  t.eltwise = {.unary = &unary, .unary_backward = &unary_backward, .binary = &binary, .copy = &copy, .fill = &fill};
  t.image = {.normalize = &normalize};
  return t;
}

}  // namespace fledge::ref
