#include "autograd/node.h"

#include <atomic>
#include <utility>

#include "autograd/grad_mode.h"
#include "autograd/variable_impl.h"

namespace fledge {
namespace {

std::uint64_t next_sequence() {
  static std::atomic<std::uint64_t> counter{0};
  return ++counter;
}

/// What a node remembers of an input: the leaf itself, or an edge to the node that
/// made it; nothing when it wants no gradient.
Variable edge_to(const Variable& input) {
  if (!input.defined() || !input.requires_grad()) return {};
  if (!input.creator()) return input;
  Variable edge = make_result({}, input.creator());
  edge.impl()->dims = input.impl()->dims;
  edge.impl()->dtype = input.impl()->dtype;
  return edge;
}

}  // namespace

const Tensor& Saved::get(const char* op, const char* name) const {
  if (!tensor_.defined()) {
    throw Error(ErrorKind::Internal, op, std::string("saved ") + name + " was released or never saved");
  }
  if (tensor_.version() != version_) {
    throw Error(ErrorKind::Usage, op,
                std::string("saved ") + name + " was modified after forward (version " + std::to_string(version_) +
                    ", now " + std::to_string(tensor_.version()) + ")",
                "call optimizer.step() after backward()");
  }
  return tensor_;
}

// A chain of a million nodes would overflow the stack if each destroyed the next from inside its own destructor. The
// outermost destructor on a thread therefore keeps a list; the others only hand over what they own.
Node::~Node() {
  thread_local std::vector<std::shared_ptr<Node>>* pending = nullptr;
  std::vector<std::shared_ptr<Node>> list;
  const bool outermost = pending == nullptr;
  if (outermost) pending = &list;
  for (Variable& input : inputs) {
    if (input.defined() && input.impl().use_count() == 1 && input.impl()->creator)
      pending->push_back(std::move(input.impl()->creator));
  }
  if (!outermost) return;
  while (!list.empty()) {
    std::shared_ptr<Node> node = std::move(list.back());
    list.pop_back();
  }
  pending = nullptr;
}

bool wants_graph(std::initializer_list<const Variable*> inputs) {
  if (!grad_enabled()) return false;
  for (const Variable* input : inputs)
    if (input->defined() && input->requires_grad()) return true;
  return false;
}

Variable attach(Tensor value, std::shared_ptr<Node> node, std::vector<Variable> inputs) {
  node->inputs.reserve(inputs.size());
  for (const Variable& input : inputs) node->inputs.push_back(edge_to(input));
  node->sequence = next_sequence();
  return make_result(std::move(value), std::move(node));
}

}  // namespace fledge
