// The row-wise functions of ops/reduce.h: softmax family and masked extremes.
#include "autograd/node.h"
#include "autograd/ops/reduce.h"
#include "tensor/ops/reduce.h"

namespace fledge {
namespace {

class SoftmaxNode : public Node {
 public:
  explicit SoftmaxNode(const Tensor& y) : y_(y) {}
  const char* name() const override { return "softmax"; }
  std::vector<Tensor> backward(const Tensor& dy, const Needs&) override {
    return {softmax_backward(dy, y_.get(name(), "output"))};
  }
  void release() override { y_.release(); }

 private:
  Saved y_;
};

class LogSoftmaxNode : public Node {
 public:
  explicit LogSoftmaxNode(const Tensor& y) : y_(y) {}
  const char* name() const override { return "log_softmax"; }
  std::vector<Tensor> backward(const Tensor& dy, const Needs&) override {
    return {log_softmax_backward(dy, y_.get(name(), "output"))};
  }
  void release() override { y_.release(); }

 private:
  Saved y_;
};

class LogSumExpNode : public Node {
 public:
  LogSumExpNode(const Tensor& x, const Tensor& y) : x_(x), y_(y) {}
  const char* name() const override { return "log_sum_exp"; }
  std::vector<Tensor> backward(const Tensor& dy, const Needs&) override {
    return {log_sum_exp_backward(dy, x_.get(name(), "input"), y_.get(name(), "output"))};
  }
  void release() override {
    x_.release();
    y_.release();
  }

 private:
  Saved x_, y_;
};

class MaskedRowExtremeNode : public Node {
 public:
  MaskedRowExtremeNode(bool maximum, const Tensor& index, std::int64_t columns)
      : maximum_(maximum), index_(index), columns_(columns) {}
  const char* name() const override { return maximum_ ? "masked_row_max" : "masked_row_min"; }
  std::vector<Tensor> backward(const Tensor& dy, const Needs&) override {
    return {masked_row_extreme_backward(dy, index_.get(name(), "index"), columns_)};
  }
  void release() override { index_.release(); }

 private:
  bool maximum_;
  Saved index_;
  std::int64_t columns_;
};

Variable apply_masked(const Variable& x, const Tensor& mask, bool maximum) {
  const MaskedExtreme forward = masked_row_extreme(x.value(), mask, maximum);
  if (!wants_graph({&x})) return Variable(forward.value);
  return attach(forward.value, std::make_shared<MaskedRowExtremeNode>(maximum, forward.index, x.dim(1)), {x});
}

}  // namespace

Variable softmax(const Variable& x) {
  Tensor y = softmax(x.value());
  if (!wants_graph({&x})) return Variable(y);
  return attach(y, std::make_shared<SoftmaxNode>(y), {x});
}

Variable log_softmax(const Variable& x) {
  Tensor y = log_softmax(x.value());
  if (!wants_graph({&x})) return Variable(y);
  return attach(y, std::make_shared<LogSoftmaxNode>(y), {x});
}

Variable log_sum_exp(const Variable& x) {
  Tensor y = log_sum_exp(x.value());
  if (!wants_graph({&x})) return Variable(y);
  return attach(y, std::make_shared<LogSumExpNode>(x.value(), y), {x});
}

Variable masked_row_max(const Variable& x, const Tensor& mask) { return apply_masked(x, mask, true); }
Variable masked_row_min(const Variable& x, const Tensor& mask) { return apply_masked(x, mask, false); }

}  // namespace fledge
