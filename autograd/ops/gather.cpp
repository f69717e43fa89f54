#include "autograd/ops/gather.h"

#include <algorithm>

#include "autograd/grad_mode.h"
#include "autograd/node.h"
#include "tensor/ops/gather.h"

namespace fledge {
namespace {

class TakeAlongRowNode : public Node {
 public:
  TakeAlongRowNode(const Tensor& index, std::int64_t columns) : index_(index), columns_(columns) {}
  const char* name() const override { return "take_along_row"; }
  std::vector<Tensor> backward(const Tensor& dy, const Needs&) override {
    return {take_along_row_backward(dy, index_.get(name(), "index"), columns_)};
  }
  void release() override { index_.release(); }

 private:
  Saved index_;
  std::int64_t columns_;
};

class IndexSelectNode : public Node {
 public:
  IndexSelectNode(const Tensor& index, std::int64_t rows) : index_(index), rows_(rows) {}
  const char* name() const override { return "index_select"; }
  std::vector<Tensor> backward(const Tensor& dy, const Needs&) override {
    return {index_select_backward(dy, index_.get(name(), "index"), rows_)};
  }
  void release() override { index_.release(); }

 private:
  Saved index_;
  std::int64_t rows_;
};

class ConcatNode : public Node {
 public:
  ConcatNode(std::vector<std::int64_t> lengths, int axis) : lengths_(std::move(lengths)), axis_(axis) {}
  const char* name() const override { return "concat"; }
  std::vector<Tensor> backward(const Tensor& dy, const Needs& needs) override {
    std::vector<Tensor> grads(lengths_.size());
    std::int64_t start = 0;
    for (std::size_t i = 0; i < lengths_.size(); start += lengths_[i++])
      if (needs[i]) grads[i] = dy.slice(axis_, start, lengths_[i]);
    return grads;
  }
  void release() override {}

 private:
  std::vector<std::int64_t> lengths_;
  int axis_;
};

}  // namespace

Variable take_along_row(const Variable& x, const Tensor& index) {
  Tensor y = take_along_row(x.value(), index);
  if (!wants_graph({&x})) return Variable(y);
  return attach(y, std::make_shared<TakeAlongRowNode>(index, x.dim(1)), {x});
}

Variable index_select(const Variable& x, const Tensor& index) {
  Tensor y = index_select(x.value(), index);
  if (!wants_graph({&x})) return Variable(y);
  return attach(y, std::make_shared<IndexSelectNode>(index, x.dim(0)), {x});
}

Variable concat(const std::vector<Variable>& parts, int axis) {
  std::vector<Tensor> values;
  std::vector<std::int64_t> lengths;
  for (const Variable& part : parts) values.push_back(part.value());
  Tensor y = concat(values, axis);
  if (axis < 0) axis += y.rank();
  for (const Tensor& value : values) lengths.push_back(value.dim(axis));
  const bool wanted =
      std::any_of(parts.begin(), parts.end(), [](const Variable& part) { return part.requires_grad(); });
  if (!wanted || !grad_enabled()) return Variable(y);
  return attach(y, std::make_shared<ConcatNode>(std::move(lengths), axis), parts);
}

}  // namespace fledge
