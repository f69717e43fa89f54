// What a Variable shares among its copies. Private to autograd/.
#pragma once
#include <memory>

#include "autograd/variable.h"

namespace fledge {

/// Two uses. A variable has a value. An edge, kept in Node::inputs, has none: it names the node that made an input, so
/// that the graph keeps alive only what nodes saved, not every intermediate value.
struct Variable::Impl {
  Tensor value;
  Tensor grad;
  std::shared_ptr<Node> creator;
  bool requires_grad = false;
  Dims dims;  // of the value, kept for edges
  DType dtype = DType::Float32;
};

/// The output of a node; with an undefined value, an edge to it.
Variable make_result(Tensor value, std::shared_ptr<Node> creator);

}  // namespace fledge
