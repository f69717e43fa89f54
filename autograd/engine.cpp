#include "autograd/engine.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iterator>
#include <map>
#include <sstream>
#include <utility>
#include <vector>

#include "autograd/node.h"
#include "autograd/variable_impl.h"
#include "base/environment.h"
#include "tensor/ops/eltwise.h"

namespace fledge {
namespace {

/// A node that has received a gradient and waits for its turn.
struct Waiting {
  std::shared_ptr<Node> node;
  Tensor grad;
};
/// Ordered by sequence number. The highest goes first: all consumers of a value were created after the value's node, so
/// they have all run by then and its gradient is complete.
using Queue = std::map<std::uint64_t, Waiting>;

bool debug_gradients() { return environment_switch("FLEDGE_DEBUG_GRAD"); }

void print_gradient(const char* name, const Tensor& gradient) {
  std::fprintf(stderr, "[grad] %s\n", describe_gradient(name, gradient).c_str());
}

void accumulate(Tensor& sum, Tensor grad) {
  if (!sum.defined()) {
    sum = std::move(grad);
  } else if (may_overwrite(sum)) {  // not where a residual add has handed one dy to both of its branches
    add_(sum, grad);
  } else if (may_overwrite(grad)) {
    add_(grad, sum);
    sum = std::move(grad);
  } else {
    sum = add(sum, grad);
  }
}

/// Leaf gradients are written in place later (clipping, accumulation), so each leaf gets memory of its own, in the
/// layout of its value, which is what the optimisers read fastest.
Tensor own_gradient(Tensor grad, const Tensor& value) {
  const bool channels_last = value.is_channels_last() && !value.is_contiguous();
  grad = grad.contiguous(channels_last ? Layout::ChannelsLast : Layout::Contiguous);
  return grad.use_count() == 1 ? grad : grad.clone();
}

void deliver(Queue& queue, Variable::Impl& input, Tensor grad, bool debug) {
  if (input.creator) {
    Waiting& waiting = queue[input.creator->sequence];
    if (!waiting.node) waiting.node = input.creator;
    accumulate(waiting.grad, std::move(grad));
    return;
  }
  if (debug) print_gradient("leaf", grad);
  if (input.grad.defined()) {
    accumulate(input.grad, std::move(grad));
  } else {
    input.grad = own_gradient(std::move(grad), input.value);
  }
}

void check_gradient(const Node& node, std::size_t i, const Variable::Impl& input, const std::vector<Tensor>& grads) {
  const bool returned = i < grads.size() && grads[i].defined();
  if (returned && grads[i].dims() == input.dims && grads[i].dtype() == input.dtype) return;
  throw Error(ErrorKind::Internal, node.name(),
              "backward must return " + to_string(input.dims) + " " + name_of(input.dtype) + " for input " +
                  std::to_string(i) + ", it returned " + (returned ? describe(grads[i]) : std::string("nothing")));
}

Needs needs_of(const Node& node) {
  Needs needs;
  for (const Variable& input : node.inputs) needs.push_back(input.defined() && input.requires_grad());
  return needs;
}

void run_node(Queue& queue, Waiting current, bool debug) {
  Node& node = *current.node;
  if (node.released) {
    throw Error(ErrorKind::Usage, node.name(),
                "backward has already run through this node and its saved tensors are released",
                "run the forward pass again, or add the losses and call backward() once");
  }
  if (debug) print_gradient(node.name(), current.grad);
  if (const Variable again = node.again(); again.defined()) {
    node.release();
    node.released = true;
    node.inputs.clear();
    return deliver(queue, *again.impl(), std::move(current.grad), debug);  // its nodes are the newest: they go next
  }
  const Needs needs = needs_of(node);
  std::vector<Tensor> grads(needs.size());
  if (std::find(needs.begin(), needs.end(), true) != needs.end()) grads = node.backward(current.grad, needs);
  for (std::size_t i = 0; i < needs.size(); ++i)
    if (needs[i]) check_gradient(node, i, *node.inputs[i].impl(), grads);

  // Let go of everything before the next node runs, so that peak memory falls along the way, and so that a gradient
  // passed through untouched (dy itself) has one owner and can be added to in place.
  current.grad = {};
  node.release();
  node.released = true;
  const std::vector<Variable> inputs = std::move(node.inputs);
  node.inputs.clear();
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (needs[i]) deliver(queue, *inputs[i].impl(), std::move(grads[i]), debug);
}

}  // namespace

void run_backward(const Variable& root, Tensor seed) {
  const bool debug = debug_gradients();
  Queue queue;
  deliver(queue, *root.impl(), std::move(seed), debug);
  while (!queue.empty()) {
    auto newest = std::prev(queue.end());
    Waiting current = std::move(newest->second);
    queue.erase(newest);
    run_node(queue, std::move(current), debug);
  }
}

std::string describe_gradient(const char* name, const Tensor& gradient) {
  std::ostringstream line;
  line << name << " " << to_string(gradient.dims());
  const std::vector<double> values = gradient.to_vector<double>();
  if (values.empty()) return line.str() + " empty";
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  const bool finite = std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); });
  line << " min " << *low << " max " << *high << (finite ? " finite" : " NOT FINITE");
  return line.str();
}

}  // namespace fledge
