#include "autograd/ops/shape.h"

#include "autograd/node.h"
#include "tensor/creation.h"
#include "tensor/ops/eltwise.h"

namespace fledge {
namespace {

class ReshapeNode : public Node {
 public:
  explicit ReshapeNode(const Dims& x_dims) : x_dims_(x_dims) {}
  const char* name() const override { return "reshape"; }
  std::vector<Tensor> backward(const Tensor& dy, const Needs&) override { return {dy.reshape(x_dims_)}; }
  void release() override {}

 private:
  Dims x_dims_;
};

class TransposeNode : public Node {
 public:
  TransposeNode(int a, int b) : a_(a), b_(b) {}
  const char* name() const override { return "transpose"; }
  std::vector<Tensor> backward(const Tensor& dy, const Needs&) override { return {dy.transpose(a_, b_)}; }
  void release() override {}

 private:
  int a_, b_;
};

class SliceNode : public Node {
 public:
  SliceNode(const Tensor& x, int axis, std::int64_t start, std::int64_t length)
      : x_dims_(x.dims()),
        layout_(x.is_contiguous() || !x.is_channels_last() ? Layout::Contiguous : Layout::ChannelsLast),
        axis_(axis),
        start_(start),
        length_(length) {}
  const char* name() const override { return "slice"; }
  std::vector<Tensor> backward(const Tensor& dy, const Needs&) override {
    const Tensor dx = zeros(x_dims_, dy.dtype(), layout_, dy.device());
    dx.slice(axis_, start_, length_).copy_from(dy);
    return {dx};
  }
  void release() override {}

 private:
  Dims x_dims_;
  Layout layout_;
  int axis_;
  std::int64_t start_, length_;
};

class ExpandNode : public Node {
 public:
  explicit ExpandNode(const Dims& x_dims) : x_dims_(x_dims) {}
  const char* name() const override { return "expand"; }
  std::vector<Tensor> backward(const Tensor& dy, const Needs&) override { return {sum_to(dy, x_dims_)}; }
  void release() override {}

 private:
  Dims x_dims_;
};

}  // namespace

Variable reshape(const Variable& x, const Dims& dims) {
  Tensor y = x.value().reshape(dims);
  if (!wants_graph({&x})) return Variable(y);
  return attach(y, std::make_shared<ReshapeNode>(x.dims()), {x});
}

Variable transpose(const Variable& x, int a, int b) {
  Tensor y = x.value().transpose(a, b);
  if (!wants_graph({&x})) return Variable(y);
  return attach(y, std::make_shared<TransposeNode>(a, b), {x});
}

Variable slice(const Variable& x, int axis, std::int64_t start, std::int64_t length) {
  Tensor y = x.value().slice(axis, start, length);
  if (!wants_graph({&x})) return Variable(y);
  return attach(y, std::make_shared<SliceNode>(x.value(), axis, start, length), {x});
}

Variable expand(const Variable& x, const Dims& dims) {
  Tensor y = x.value().expand(dims);
  if (!wants_graph({&x})) return Variable(y);
  return attach(y, std::make_shared<ExpandNode>(x.dims()), {x});
}

}  // namespace fledge
