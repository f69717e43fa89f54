#include "autograd/ops/conv.h"

#include "autograd/node.h"
#include "tensor/ops/conv.h"

namespace fledge {
namespace {

// Inputs x, w, bias. x is kept for grad_weight only and w for grad_input only, so a frozen or first layer keeps less.
class Conv2dNode : public Node {
 public:
  /// weight: of w, as the products read it.
  Conv2dNode(const Variable& x, const Variable& w, const Tensor& weight, const Conv2dParams& params)
      : x_(w.requires_grad() ? Saved(x.value()) : Saved()),
        w_(x.requires_grad() ? Saved(weight) : Saved()),
        x_dims_(x.dims()),
        w_dims_(w.dims()),
        params_(params) {}

  const char* name() const override { return "conv2d"; }

  std::vector<Tensor> backward(const Tensor& dy, const Needs& needs) override {
    std::vector<Tensor> grads(3);
    if (needs[1]) grads[1] = conv2d_grad_weight(dy, x_.get("conv2d", "input"), w_dims_, params_);
    if (needs[2]) grads[2] = conv2d_grad_bias(dy);
    if (needs[0]) grads[0] = conv2d_grad_input(dy, w_.get("conv2d", "weight"), x_dims_, params_, place_of_dx(dy));
    return grads;
  }

  void release() override {
    x_.release();
    w_.release();
  }

 private:
  /// x, when nobody else holds it: the weight's gradient has read it for the last time, and it lies in the cache.
  Tensor place_of_dx(const Tensor& dy) const {
    if (!x_.defined()) return {};
    const Tensor& x = x_.get("conv2d", "input");
    return may_overwrite(x) && x.is_channels_last() && x.dtype() == dy.dtype() ? x : Tensor();
  }

  Saved x_, w_;
  Dims x_dims_, w_dims_;
  Conv2dParams params_;
};

}  // namespace

Variable conv2d(const Variable& x, const Variable& w, const Variable& bias, const Conv2dParams& params) {
  const bool mixed = x.value().dtype() == DType::BFloat16 && w.value().dtype() == DType::Float32;
  const Tensor weight = mixed ? w.value().to(DType::BFloat16) : w.value();
  Tensor y = conv2d(x.value(), weight, bias.defined() ? bias.value() : Tensor(), params);
  if (!wants_graph({&x, &w, &bias})) return Variable(y);
  return attach(y, std::make_shared<Conv2dNode>(x, w, weight, params), {x, w, bias});
}

}  // namespace fledge
