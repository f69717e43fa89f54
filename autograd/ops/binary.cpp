// Broadcasting arithmetic. Each gradient is summed over the axes along which its input was repeated (sum_to).
#include "autograd/node.h"
#include "autograd/ops/eltwise.h"
#include "tensor/ops/eltwise.h"

namespace fledge {
namespace {

class AddNode : public Node {
 public:
  AddNode(const Dims& a, const Dims& b) : a_dims_(a), b_dims_(b) {}
  const char* name() const override { return "add"; }
  std::vector<Tensor> backward(const Tensor& dy, const Needs& needs) override {
    return {needs[0] ? sum_to(dy, a_dims_) : Tensor(), needs[1] ? sum_to(dy, b_dims_) : Tensor()};
  }
  void release() override {}

 private:
  Dims a_dims_, b_dims_;
};

class SubNode : public Node {
 public:
  SubNode(const Dims& a, const Dims& b) : a_dims_(a), b_dims_(b) {}
  const char* name() const override { return "sub"; }
  std::vector<Tensor> backward(const Tensor& dy, const Needs& needs) override {
    return {needs[0] ? sum_to(dy, a_dims_) : Tensor(), needs[1] ? affine(sum_to(dy, b_dims_), -1, 0) : Tensor()};
  }
  void release() override {}

 private:
  Dims a_dims_, b_dims_;
};

class MulNode : public Node {
 public:
  MulNode(const Variable& a, const Variable& b)
      : a_(b.requires_grad() ? Saved(a.value()) : Saved()),
        b_(a.requires_grad() ? Saved(b.value()) : Saved()),
        a_dims_(a.dims()),
        b_dims_(b.dims()) {}
  const char* name() const override { return "mul"; }
  std::vector<Tensor> backward(const Tensor& dy, const Needs& needs) override {
    return {needs[0] ? sum_to(mul(dy, b_.get(name(), "right factor")), a_dims_) : Tensor(),
            needs[1] ? sum_to(mul(dy, a_.get(name(), "left factor")), b_dims_) : Tensor()};
  }
  void release() override {
    a_.release();
    b_.release();
  }

 private:
  Saved a_, b_;
  Dims a_dims_, b_dims_;
};

// y = a / b:  da = dy / b,  db = -dy * y / b
class DivNode : public Node {
 public:
  DivNode(const Variable& a, const Variable& b, const Tensor& y)
      : b_(b.value()), y_(b.requires_grad() ? Saved(y) : Saved()), a_dims_(a.dims()), b_dims_(b.dims()) {}
  const char* name() const override { return "div"; }
  std::vector<Tensor> backward(const Tensor& dy, const Needs& needs) override {
    const Tensor da = div(dy, b_.get(name(), "divisor"));
    std::vector<Tensor> grads(2);
    if (needs[0]) grads[0] = sum_to(da, a_dims_);
    if (needs[1]) grads[1] = affine(sum_to(mul(da, y_.get(name(), "quotient")), b_dims_), -1, 0);
    return grads;
  }
  void release() override {
    b_.release();
    y_.release();
  }

 private:
  Saved b_, y_;
  Dims a_dims_, b_dims_;
};

}  // namespace

Variable add(const Variable& a, const Variable& b) {
  Tensor y = add(a.value(), b.value());
  if (!wants_graph({&a, &b})) return Variable(y);
  return attach(y, std::make_shared<AddNode>(a.dims(), b.dims()), {a, b});
}

Variable sub(const Variable& a, const Variable& b) {
  Tensor y = sub(a.value(), b.value());
  if (!wants_graph({&a, &b})) return Variable(y);
  return attach(y, std::make_shared<SubNode>(a.dims(), b.dims()), {a, b});
}

Variable mul(const Variable& a, const Variable& b) {
  Tensor y = mul(a.value(), b.value());
  if (!wants_graph({&a, &b})) return Variable(y);
  return attach(y, std::make_shared<MulNode>(a, b), {a, b});
}

Variable div(const Variable& a, const Variable& b) {
  Tensor y = div(a.value(), b.value());
  if (!wants_graph({&a, &b})) return Variable(y);
  return attach(y, std::make_shared<DivNode>(a, b, y), {a, b});
}

}  // namespace fledge
