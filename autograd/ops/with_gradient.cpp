#include "autograd/ops/with_gradient.h"

#include "autograd/node.h"
#include "tensor/ops/call/check.h"
#include "tensor/ops/eltwise.h"

namespace fledge {
namespace {

class WithGradientNode : public Node {
 public:
  WithGradientNode(const Tensor& gradient, double scale) : gradient_(gradient), scale_(scale) {}
  const char* name() const override { return "with_gradient"; }
  std::vector<Tensor> backward(const Tensor& dy, const Needs&) override {
    return {mul(gradient_.get(name(), "gradient"), scale_ == 1 ? dy : affine(dy, scale_, 0))};
  }
  void release() override { gradient_.release(); }

 private:
  Saved gradient_;
  double scale_;
};

}  // namespace

Variable with_gradient(const Tensor& value, const Variable& x, const Tensor& gradient, double scale) {
  if (value.numel() != 1) check::fail("with_gradient", "the value must be one element: " + describe(value));
  if (!wants_graph({&x})) return Variable(value);
  check::same_dims("with_gradient", {x.value(), "input"}, {gradient, "gradient"});
  return attach(value, std::make_shared<WithGradientNode>(gradient, scale), {x});
}

}  // namespace fledge
