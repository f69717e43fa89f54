// Variable: a Tensor that may want a gradient. Copying a Variable shares it.
#pragma once
#include <memory>

#include "tensor/tensor.h"

namespace fledge {

class Node;

class Variable {
 public:
  Variable() = default;  // undefined
  /// A leaf: a parameter when requires_grad, else a constant.
  explicit Variable(Tensor value, bool requires_grad = false);

  bool defined() const { return impl_ != nullptr; }
  const Tensor& value() const;
  const Dims& dims() const { return value().dims(); }
  std::int64_t dim(int i) const { return value().dim(i); }
  double item() const { return value().item(); }

  bool requires_grad() const;
  void set_requires_grad(bool on);  // leaves only
  /// Undefined until a backward pass has reached this leaf.
  const Tensor& grad() const;
  void set_grad(Tensor grad);
  void zero_grad();  // drops the gradient
  /// Replaces the value of a leaf (loading weights).
  void set_value(Tensor value);

  /// The node that made this value; null for leaves and under NoGradGuard.
  const std::shared_ptr<Node>& creator() const;
  /// The same value cut off from the graph.
  Variable detach() const;

  /// Back-propagates from this value: a scalar (seed 1), or with a seed of the same dims.
  /// Leaf gradients are added to what is there. The graph is released on the
  /// way; a second call is an error that says so.
  void backward(const Tensor& seed = {}) const;

  struct Impl;
  const std::shared_ptr<Impl>& impl() const { return impl_; }

 private:
  friend Variable make_result(Tensor value, std::shared_ptr<Node> creator);
  std::shared_ptr<Impl> impl_;
};

}  // namespace fledge
