#include "autograd/ops/gemm.h"

#include "autograd/node.h"
#include "tensor/ops/gemm.h"
#include "tensor/ops/reduce.h"

namespace fledge {
namespace {

// c = op(a) op(b). With plain operands da = dc b^T and db = a^T dc; a transposed operand has its gradient transposed,
// which swaps the factors. Every case is one product, nothing is copied.
class MatmulNode : public Node {
 public:
  MatmulNode(const Variable& a, const Variable& b, bool transpose_a, bool transpose_b)
      : a_(b.requires_grad() ? Saved(a.value()) : Saved()),
        b_(a.requires_grad() ? Saved(b.value()) : Saved()),
        transpose_a_(transpose_a),
        transpose_b_(transpose_b) {}
  const char* name() const override { return "matmul"; }

  std::vector<Tensor> backward(const Tensor& dc, const Needs& needs) override {
    std::vector<Tensor> grads(2);
    if (needs[0]) {
      const Tensor& b = b_.get(name(), "right matrix");
      grads[0] = transpose_a_ ? matmul(b, dc, transpose_b_, true) : matmul(dc, b, false, !transpose_b_);
    }
    if (needs[1]) {
      const Tensor& a = a_.get(name(), "left matrix");
      grads[1] = transpose_b_ ? matmul(dc, a, true, transpose_a_) : matmul(a, dc, !transpose_a_, false);
    }
    return grads;
  }

  void release() override {
    a_.release();
    b_.release();
  }

 private:
  Saved a_, b_;
  bool transpose_a_, transpose_b_;
};

// Inputs x, w, bias.
class LinearNode : public Node {
 public:
  LinearNode(const Variable& x, const Variable& w)
      : x_(w.requires_grad() ? Saved(x.value()) : Saved()), w_(x.requires_grad() ? Saved(w.value()) : Saved()) {}
  const char* name() const override { return "linear"; }

  std::vector<Tensor> backward(const Tensor& dy, const Needs& needs) override {
    std::vector<Tensor> grads(3);
    if (needs[0]) grads[0] = matmul(dy, w_.get(name(), "weight"));
    if (needs[1]) grads[1] = matmul(dy, x_.get(name(), "input"), true, false);
    if (needs[2]) grads[2] = sum(dy, {0});
    return grads;
  }

  void release() override {
    x_.release();
    w_.release();
  }

 private:
  Saved x_, w_;
};

}  // namespace

Variable matmul(const Variable& a, const Variable& b, bool transpose_a, bool transpose_b) {
  Tensor c = matmul(a.value(), b.value(), transpose_a, transpose_b);
  if (!wants_graph({&a, &b})) return Variable(c);
  return attach(c, std::make_shared<MatmulNode>(a, b, transpose_a, transpose_b), {a, b});
}

Variable linear(const Variable& x, const Variable& w, const Variable& bias) {
  Tensor y = linear(x.value(), w.value(), bias.defined() ? bias.value() : Tensor());
  if (!wants_graph({&x, &w, &bias})) return Variable(y);
  return attach(y, std::make_shared<LinearNode>(x, w), {x, w, bias});
}

}  // namespace fledge
