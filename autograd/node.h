// Node: one subclass per differentiable op, with explicit saved tensors. Every node has one output.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "autograd/variable.h"

namespace fledge {

/// A tensor kept for backward. get() throws when the storage was written since: "[conv2d] saved weight was modified
/// after forward (version 4, now 5); call optimizer.step() after backward()".
class Saved {
 public:
  Saved() = default;
  explicit Saved(Tensor t) : tensor_(std::move(t)), version_(tensor_.defined() ? tensor_.version() : 0) {}
  const Tensor& get(const char* op, const char* name) const;
  bool defined() const { return tensor_.defined(); }
  void release() { tensor_ = {}; }

 private:
  Tensor tensor_;
  std::uint64_t version_ = 0;
};

/// Which inputs want a gradient, in the order of Node::inputs.
using Needs = std::vector<bool>;

class Node {
 public:
  virtual ~Node();
  virtual const char* name() const = 0;
  /// One gradient per input (undefined where not needed). dy has the output's dims. Works on Tensors only, so it can
  /// never build graph by accident.
  virtual std::vector<Tensor> backward(const Tensor& dy, const Needs& needs) = 0;
  /// Of a node that stands for a graph which was not kept (recompute.h): the output, with that graph behind it. The
  /// engine then gives dy to that one, and backward() is not called. Undefined: there is none.
  virtual Variable again() { return {}; }
  /// Whether output_again() gives this node's output, as often as it is asked before the node is released. Others then
  /// keep the node in place of the output (recompute.h).
  virtual bool gives_output_again() const { return false; }
  virtual Tensor output_again() const { return {}; }
  /// Drops the saved tensors; called by the engine once backward has run.
  virtual void release() = 0;

  std::vector<Variable> inputs;  // set by attach()
  std::uint64_t sequence = 0;    // rises with creation: the engine pops the highest first
  bool released = false;
};

/// True when nobody else sees the tensor's memory: then a gradient may be written over it, or added to it in place.
inline bool may_overwrite(const Tensor& t) { return t.use_count() == 1 && t.is_dense(); }
/// True when grad mode is on and an input wants a gradient: only then is a node worth making.
bool wants_graph(std::initializer_list<const Variable*> inputs);
/// Gives the node its inputs and returns the output variable.
Variable attach(Tensor value, std::shared_ptr<Node> node, std::vector<Variable> inputs);

}  // namespace fledge
