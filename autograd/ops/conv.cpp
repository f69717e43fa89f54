#include "autograd/ops/conv.h"

#include "autograd/node.h"
#include "autograd/recompute.h"
#include "tensor/ops/conv.h"

namespace fledge {
namespace {

// Inputs x, w, bias. x is kept for grad_weight only and w for grad_input only, so a frozen or first layer keeps less.
class Conv2dNode : public Node {
 public:
  /// weight: of w, as the products read it.
  Conv2dNode(const Variable& x, const Variable& w, const Tensor& weight, const Conv2dParams& params)
      : maker_(w.requires_grad() && recomputes_norms() && x.creator() && x.creator()->gives_output_again() ? x.creator()
                                                                                                           : nullptr),
        x_(w.requires_grad() && !maker_ ? Saved(x.value()) : Saved()),
        w_(x.requires_grad() ? Saved(weight) : Saved()),
        x_dims_(x.dims()),
        w_dims_(w.dims()),
        params_(params) {}

  const char* name() const override { return "conv2d"; }

  std::vector<Tensor> backward(const Tensor& dy, const Needs& needs) override {
    std::vector<Tensor> grads(3);
    Tensor x;  // undefined where nothing has kept it
    if (needs[1]) x = maker_ ? maker_->output_again() : x_.get("conv2d", "input");
    x_.release();
    if (needs[1]) grads[1] = conv2d_grad_weight(dy, x, w_dims_, params_);
    if (needs[2]) grads[2] = conv2d_grad_bias(dy);
    if (!needs[0]) return grads;
    // Over x, when nobody else holds it: the weight's gradient has read it for the last time, and it lies in the cache.
    const bool over_x = x.defined() && may_overwrite(x) && x.is_channels_last() && x.dtype() == dy.dtype();
    grads[0] = conv2d_grad_input(dy, w_.get("conv2d", "weight"), x_dims_, params_, over_x ? x : Tensor());
    return grads;
  }

  void release() override {
    maker_ = nullptr;
    x_.release();
    w_.release();
  }

 private:
  std::shared_ptr<Node> maker_;  // of x, which is not kept then
  Saved x_, w_;
  Dims x_dims_, w_dims_;
  Conv2dParams params_;
};

}  // namespace

Variable conv2d(const Variable& x, const Variable& w, const Variable& bias, const Conv2dParams& params,
                Tensor* moments) {
  const bool mixed = x.value().dtype() == DType::BFloat16 && w.value().dtype() == DType::Float32;
  const Tensor weight = mixed ? w.value().to(DType::BFloat16) : w.value();
  Tensor y = conv2d(x.value(), weight, bias.defined() ? bias.value() : Tensor(), params, moments);
  if (!wants_graph({&x, &w, &bias})) return Variable(y);
  return attach(y, std::make_shared<Conv2dNode>(x, w, weight, params), {x, w, bias});
}

}  // namespace fledge
