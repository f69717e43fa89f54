#include "autograd/ops/eltwise.h"

#include "autograd/node.h"
#include "tensor/ops/eltwise.h"

namespace fledge {
namespace {

class UnaryNode : public Node {
 public:
  UnaryNode(UnaryOp op, const Tensor& x, const Tensor& y, const UnaryParams& params)
      : op_(op), x_(masked_by_output() ? Saved() : Saved(x)), y_(y), params_(params) {}
  const char* name() const override { return name_of(op_); }
  std::vector<Tensor> backward(const Tensor& dy, const Needs&) override {
    const Tensor& y = y_.get(name(), "output");
    return {unary_backward(op_, dy, x_.defined() ? x_.get(name(), "input") : y, y, params_)};
  }
  void release() override {
    x_.release();
    y_.release();
  }

 private:
  /// y > 0 exactly where x > 0, and 0 < y < 6 where 0 < x < 6: x itself need not be kept.
  bool masked_by_output() const { return op_ == UnaryOp::ReLU || op_ == UnaryOp::ReLU6; }

  UnaryOp op_;
  Saved x_, y_;
  UnaryParams params_;
};

Variable apply(UnaryOp op, const Variable& x, const UnaryParams& params = {}) {
  Tensor y = unary(op, x.value(), params);
  if (!wants_graph({&x})) return Variable(y);
  return attach(y, std::make_shared<UnaryNode>(op, x.value(), y, params), {x});
}

// scale * x + shift needs no saved tensor.
class AffineNode : public Node {
 public:
  explicit AffineNode(double scale) : scale_(scale) {}
  const char* name() const override { return "affine"; }
  std::vector<Tensor> backward(const Tensor& dy, const Needs&) override {
    return {scale_ == 1 ? dy : affine(dy, scale_, 0)};
  }
  void release() override {}

 private:
  double scale_;
};

class CastNode : public Node {
 public:
  explicit CastNode(DType from) : from_(from) {}
  const char* name() const override { return "cast"; }
  std::vector<Tensor> backward(const Tensor& dy, const Needs&) override { return {dy.to(from_)}; }
  void release() override {}

 private:
  DType from_;
};

// y = x * mask, mask constant.
class DropoutNode : public Node {
 public:
  explicit DropoutNode(const Tensor& mask) : mask_(mask) {}
  const char* name() const override { return "dropout"; }
  std::vector<Tensor> backward(const Tensor& dy, const Needs&) override { return {mul(dy, mask_.get(name(), "mask"))}; }
  void release() override { mask_.release(); }

 private:
  Saved mask_;
};

}  // namespace

Variable relu(const Variable& x) { return apply(UnaryOp::ReLU, x); }
Variable relu6(const Variable& x) { return apply(UnaryOp::ReLU6, x); }
Variable exp(const Variable& x) { return apply(UnaryOp::Exp, x); }
Variable log(const Variable& x) { return apply(UnaryOp::Log, x); }
Variable sqrt(const Variable& x) { return apply(UnaryOp::Sqrt, x); }
Variable square(const Variable& x) { return apply(UnaryOp::Square, x); }
Variable abs(const Variable& x) { return apply(UnaryOp::Abs, x); }
Variable softplus(const Variable& x) { return apply(UnaryOp::Softplus, x); }
Variable clamp(const Variable& x, double low, double high) { return apply(UnaryOp::Clamp, x, {.a = low, .b = high}); }

Variable affine(const Variable& x, double scale, double shift) {
  Tensor y = affine(x.value(), scale, shift);
  if (!wants_graph({&x})) return Variable(y);
  return attach(y, std::make_shared<AffineNode>(scale), {x});
}

Variable dropout(const Variable& x, double p, Generator& generator) {
  if (p == 0) return x;
  const Tensor mask = dropout_mask(x.value(), p, generator);
  Tensor y = mul(x.value(), mask);
  if (!wants_graph({&x})) return Variable(y);
  return attach(y, std::make_shared<DropoutNode>(mask), {x});
}

Variable cast(const Variable& x, DType dtype) {
  if (dtype == x.value().dtype()) return x;
  Tensor y = x.value().to(dtype);
  // A value of integer type is a step function of x: no gradient.
  if (!is_floating(dtype) || !wants_graph({&x})) return Variable(y);
  return attach(y, std::make_shared<CastNode>(x.value().dtype()), {x});
}

}  // namespace fledge
