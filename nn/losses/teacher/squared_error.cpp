#include "nn/losses/teacher/squared_error.h"

#include "autograd/node.h"
#include "nn/losses/counts.h"
#include "tensor/creation.h"
#include "tensor/ops/check.h"
#include "tensor/ops/eltwise.h"
#include "tensor/ops/optim.h"
#include "tensor/ops/reduce.h"

namespace fledge {
namespace {

class SquaredErrorNode : public Node {
 public:
  explicit SquaredErrorNode(Tensor difference) : difference_(std::move(difference)) {}
  const char* name() const override { return "squared_error"; }
  std::vector<Tensor> backward(const Tensor& dy, const Needs&) override {
    const Tensor& difference = difference_.get(name(), "difference");
    return {times_scalar(difference, dy, 2, static_cast<double>(difference.numel()))};
  }
  void release() override { difference_.release(); }

 private:
  Saved difference_;
};

}  // namespace

Variable squared_error(const Variable& x, const Tensor& target) {
  check::same_dims("squared_error", {x.value(), "input"}, {target, "target"});
  const Tensor difference = sub(x.value(), target);
  const double n = static_cast<double>(difference.numel());
  const Tensor value = on_host(difference) ? scalar(sum_of_squares(difference) / n, difference.dtype())
                                           : affine(sum(square(difference)), 1 / n, 0);
  if (!wants_graph({&x})) return Variable(value);
  return attach(value, std::make_shared<SquaredErrorNode>(difference), {x});
}

}  // namespace fledge
