#include "autograd/ops/norm.h"

#include "autograd/node.h"
#include "tensor/ops/norm.h"

namespace fledge {
namespace {

/// Own kernels find y again from x, and write a gradient over what they have read (kernels/api/norm.h).
bool saves_memory(const Tensor& x) { return x.device() == Device{} && x.dtype() != DType::BFloat16; }

// Inputs x, gamma, beta, residual. The activation's mask is read from y, so the value before the activation is never
// stored; or y is found again from x, and is not stored either.
class BatchNormNode : public Node {
 public:
  BatchNormNode(const Tensor& x, const Tensor& gamma, const Tensor& beta, const BatchNormResult& forward,
                const Tensor& moments, bool keeps_output, bool training, const BatchNormParams& params)
      : x_(x),
        gamma_(gamma),
        mean_(forward.mean),
        invstd_(forward.invstd),
        moments_(moments),
        training_(training),
        params_(params) {
    if (params.activation == Activation::None) return;
    if (keeps_output)
      y_ = Saved(forward.y);
    else
      beta_ = Saved(beta);
  }

  const char* name() const override { return "batch_norm"; }

  std::vector<Tensor> backward(const Tensor& dy, const Needs& needs) override {
    const Tensor& x = x_.get(name(), "input");
    // Without y the kernels look at its shape only, which is x's.
    const Tensor& y = y_.defined() ? y_.get(name(), "output") : x;
    const BatchNormResult forward{y, mean_.get(name(), "mean"), invstd_.get(name(), "invstd")};
    const BatchNormNeeds wanted{.dx = needs[0], .dgamma = needs[1], .dbeta = needs[2], .dresidual = needs[3]};
    BatchNormGradients g = batch_norm_backward(dy, x, forward, gamma_.get(name(), "gamma"), training_, wanted, params_,
                                               reuse(dy, x, wanted));
    return {g.dx, g.dgamma, g.dbeta, g.dresidual};
  }

  bool gives_output_again() const override { return beta_.defined(); }
  Tensor output_again() const override {
    const Tensor& gamma = gamma_.get(name(), "gamma");
    return batch_norm_train(x_.get(name(), "input"), gamma, beta_.get(name(), "beta"), {}, {}, {}, params_, moments_).y;
  }

  void release() override {
    for (Saved* saved : {&x_, &gamma_, &beta_, &mean_, &invstd_, &y_}) saved->release();
    moments_ = {};
  }

 private:
  BatchNormReuse reuse(const Tensor& dy, const Tensor& x, const BatchNormNeeds& needs) const {
    BatchNormReuse r;
    if (beta_.defined()) r.beta = beta_.get(name(), "beta");
    if (!saves_memory(x)) return r;
    const bool over_x = may_overwrite(x) && x.is_channels_last(), over_dy = may_overwrite(dy) && dy.is_channels_last();
    if (needs.dresidual && over_dy) r.dresidual = dy;
    if (needs.dx && over_x)
      r.dx = x;
    else if (needs.dx && over_dy && !needs.dresidual)
      r.dx = dy;
    return r;
  }

  Saved x_, gamma_, beta_, mean_, invstd_, y_;
  Tensor moments_;  // those that forward was given: the output computed again has the same bits
  bool training_;
  BatchNormParams params_;
};

// Inputs x, gamma, beta, w.
class BatchNormPointwiseNode : public Node {
 public:
  BatchNormPointwiseNode(const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& w,
                         const BatchNormPointwiseResult& forward, const BatchNormParams& params)
      : x_(x), gamma_(gamma), beta_(beta), w_(w), mean_(forward.mean), invstd_(forward.invstd), params_(params) {}

  const char* name() const override { return "batch_norm_pointwise"; }

  std::vector<Tensor> backward(const Tensor& dy, const Needs& needs) override {
    const Tensor &x = x_.get(name(), "input"), &gamma = gamma_.get(name(), "gamma"), &beta = beta_.get(name(), "beta");
    const Tensor &mean = mean_.get(name(), "mean"), &invstd = invstd_.get(name(), "invstd");
    const BatchNormPointwiseNeeds wanted{.dx = needs[0], .dgamma = needs[1], .dbeta = needs[2], .dw = needs[3]};
    BatchNormPointwiseGradients g = batch_norm_pointwise_backward(dy, x, {{}, mean, invstd, {}}, gamma, beta,
                                                                  w_.get(name(), "weight"), wanted, params_);
    return {g.dx, g.dgamma, g.dbeta, g.dw};
  }

  void release() override {
    for (Saved* saved : {&x_, &gamma_, &beta_, &w_, &mean_, &invstd_}) saved->release();
  }

 private:
  Saved x_, gamma_, beta_, w_, mean_, invstd_;
  BatchNormParams params_;
};

}  // namespace

Variable batch_norm_pointwise(const Variable& x, const Variable& gamma, const Variable& beta,
                              const Tensor& running_mean, const Tensor& running_var, const Tensor& moments,
                              const Variable& w, const BatchNormParams& params, Tensor* y_moments) {
  const BatchNormPointwiseResult forward = batch_norm_pointwise(x.value(), moments, gamma.value(), beta.value(),
                                                                running_mean, running_var, w.value(), params);
  if (y_moments) *y_moments = forward.moments;
  if (!wants_graph({&x, &gamma, &beta, &w})) return Variable(forward.y);
  auto node =
      std::make_shared<BatchNormPointwiseNode>(x.value(), gamma.value(), beta.value(), w.value(), forward, params);
  return attach(forward.y, std::move(node), {x, gamma, beta, w});
}

Variable batch_norm(const Variable& x, const Variable& gamma, const Variable& beta, const Variable& residual,
                    const Tensor& running_mean, const Tensor& running_var, bool training, const BatchNormParams& params,
                    const Tensor& moments) {
  const Tensor added = residual.defined() ? residual.value() : Tensor();
  const BatchNormResult forward =
      training
          ? batch_norm_train(x.value(), gamma.value(), beta.value(), added, running_mean, running_var, params, moments)
          : batch_norm_eval(x.value(), gamma.value(), beta.value(), added, running_mean, running_var, params);
  if (!wants_graph({&x, &gamma, &beta, &residual})) return Variable(forward.y);
  const bool keeps_output = !training || residual.defined() || !saves_memory(x.value());
  auto node = std::make_shared<BatchNormNode>(x.value(), gamma.value(), beta.value(), forward, moments, keeps_output,
                                              training, params);
  return attach(forward.y, std::move(node), {x, gamma, beta, residual});
}

}  // namespace fledge
