#include "autograd/ops/reduce.h"

#include "autograd/node.h"
#include "tensor/ops/eltwise.h"
#include "tensor/ops/reduce.h"

namespace fledge {
namespace {

// Sum and mean: dx is dy repeated over the reduced axes, times scale.
class SumNode : public Node {
 public:
  SumNode(const char* name, const Dims& x_dims, const Dims& kept_dims, double scale)
      : name_(name), x_dims_(x_dims), kept_dims_(kept_dims), scale_(scale) {}
  const char* name() const override { return name_; }
  std::vector<Tensor> backward(const Tensor& dy, const Needs&) override {
    const Tensor scaled = scale_ == 1 ? dy : affine(dy, scale_, 0);
    return {scaled.reshape(kept_dims_).expand(x_dims_)};
  }
  void release() override {}

 private:
  const char* name_;
  Dims x_dims_, kept_dims_;
  double scale_;
};

class ExtremeNode : public Node {
 public:
  ExtremeNode(const char* name, const Tensor& x, const Tensor& y, const Dims& kept_dims)
      : name_(name), x_(x), y_(y), kept_dims_(kept_dims) {}
  const char* name() const override { return name_; }
  std::vector<Tensor> backward(const Tensor& dy, const Needs&) override {
    const Tensor& y = y_.get(name_, "output");
    return {reduce_extreme_backward(dy.reshape(kept_dims_), x_.get(name_, "input"), y.reshape(kept_dims_))};
  }
  void release() override {
    x_.release();
    y_.release();
  }

 private:
  const char* name_;
  Saved x_, y_;
  Dims kept_dims_;
};

Variable attach_extreme(const char* name, const Variable& x, const Tensor& y, const std::vector<int>& axes) {
  if (!wants_graph({&x})) return Variable(y);
  return attach(y, std::make_shared<ExtremeNode>(name, x.value(), y, reduced_dims(x.dims(), axes)), {x});
}

}  // namespace

Variable sum(const Variable& x, const std::vector<int>& axes, bool keep_dims) {
  Tensor y = sum(x.value(), axes, keep_dims);
  if (!wants_graph({&x})) return Variable(y);
  return attach(y, std::make_shared<SumNode>("sum", x.dims(), reduced_dims(x.dims(), axes), 1), {x});
}

Variable mean(const Variable& x, const std::vector<int>& axes, bool keep_dims) {
  Tensor y = mean(x.value(), axes, keep_dims);
  if (!wants_graph({&x})) return Variable(y);
  const double scale = static_cast<double>(y.numel()) / static_cast<double>(x.value().numel());
  return attach(y, std::make_shared<SumNode>("mean", x.dims(), reduced_dims(x.dims(), axes), scale), {x});
}

Variable max(const Variable& x, const std::vector<int>& axes, bool keep_dims) {
  return attach_extreme("max", x, max(x.value(), axes, keep_dims), axes);
}

Variable min(const Variable& x, const std::vector<int>& axes, bool keep_dims) {
  return attach_extreme("min", x, min(x.value(), axes, keep_dims), axes);
}

}  // namespace fledge
