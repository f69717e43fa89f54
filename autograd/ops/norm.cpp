#include "autograd/ops/norm.h"

#include "autograd/node.h"
#include "tensor/ops/norm.h"

namespace fledge {
namespace {

// Inputs x, gamma, beta, residual. The activation's mask is read from y, so the
// value before the activation is never stored.
class BatchNormNode : public Node {
 public:
  BatchNormNode(const Tensor& x, const Tensor& gamma, const BatchNormResult& forward, bool training,
                const BatchNormParams& params)
      : x_(x),
        gamma_(gamma),
        mean_(forward.mean),
        invstd_(forward.invstd),
        y_(params.activation == Activation::None ? Saved() : Saved(forward.y)),
        training_(training),
        params_(params) {}

  const char* name() const override { return "batch_norm"; }

  std::vector<Tensor> backward(const Tensor& dy, const Needs& needs) override {
    const Tensor& x = x_.get(name(), "input");
    // Without activation the kernels look at y's shape only, which is x's.
    const Tensor& y = y_.defined() ? y_.get(name(), "output") : x;
    const BatchNormResult forward{y, mean_.get(name(), "mean"), invstd_.get(name(), "invstd")};
    const BatchNormNeeds wanted{.dx = needs[0], .dgamma = needs[1], .dbeta = needs[2], .dresidual = needs[3]};
    BatchNormGradients g = batch_norm_backward(dy, x, forward, gamma_.get(name(), "gamma"), training_, wanted, params_);
    return {g.dx, g.dgamma, g.dbeta, g.dresidual};
  }

  void release() override {
    for (Saved* saved : {&x_, &gamma_, &mean_, &invstd_, &y_}) saved->release();
  }

 private:
  Saved x_, gamma_, mean_, invstd_, y_;
  bool training_;
  BatchNormParams params_;
};

}  // namespace

Variable batch_norm(const Variable& x, const Variable& gamma, const Variable& beta, const Variable& residual,
                    const Tensor& running_mean, const Tensor& running_var, bool training,
                    const BatchNormParams& params) {
  const Tensor added = residual.defined() ? residual.value() : Tensor();
  const auto forward_fn = training ? &batch_norm_train : &batch_norm_eval;
  const BatchNormResult forward =
      forward_fn(x.value(), gamma.value(), beta.value(), added, running_mean, running_var, params);
  if (!wants_graph({&x, &gamma, &beta, &residual})) return Variable(forward.y);
  auto node = std::make_shared<BatchNormNode>(x.value(), gamma.value(), forward, training, params);
  return attach(forward.y, std::move(node), {x, gamma, beta, residual});
}

}  // namespace fledge
