#include "autograd/variable.h"

#include <utility>

#include "autograd/engine.h"
#include "autograd/node.h"
#include "autograd/variable_impl.h"
#include "tensor/creation.h"

namespace fledge {
namespace {

Variable::Impl& checked(const std::shared_ptr<Variable::Impl>& impl, const char* what) {
  if (!impl) {
    throw Error(ErrorKind::Usage, what, "the variable is undefined",
                "give it a value first; an optional argument is tested with defined()");
  }
  return *impl;
}

Variable::Impl& checked_leaf(const std::shared_ptr<Variable::Impl>& impl, const char* what) {
  Variable::Impl& v = checked(impl, what);
  if (v.creator) {
    throw Error(ErrorKind::Usage, what,
                std::string("this value was computed by ") + v.creator->name() + ", it is no leaf",
                "only parameters and constants can be changed; detach() gives a constant");
  }
  return v;
}

}  // namespace

Variable::Variable(Tensor value, bool requires_grad) {
  if (!value.defined())
    throw Error(ErrorKind::Usage, "variable", "the tensor is undefined", "use Variable() for no value");
  impl_ = std::make_shared<Impl>();
  impl_->dims = value.dims();
  impl_->dtype = value.dtype();
  impl_->value = std::move(value);
  if (requires_grad) set_requires_grad(true);
}

const Tensor& Variable::value() const { return checked(impl_, "value").value; }
bool Variable::requires_grad() const { return checked(impl_, "requires_grad").requires_grad; }
const Tensor& Variable::grad() const { return checked(impl_, "grad").grad; }
const std::shared_ptr<Node>& Variable::creator() const { return checked(impl_, "creator").creator; }

void Variable::set_requires_grad(bool on) {
  Impl& v = checked_leaf(impl_, "set_requires_grad");
  if (on && !is_floating(v.dtype)) {
    throw Error(ErrorKind::Usage, "set_requires_grad",
                std::string("a gradient needs a floating type, not ") + name_of(v.dtype), "cast it first");
  }
  v.requires_grad = on;
}

void Variable::set_grad(Tensor grad) {
  Impl& v = checked_leaf(impl_, "set_grad");
  if (grad.defined() && !(grad.dims() == v.dims && grad.dtype() == v.dtype && grad.device() == v.value.device())) {
    throw Error(ErrorKind::Usage, "set_grad",
                "the gradient must have the value's sizes and type, on its device: value " + describe(v.value) +
                    ", gradient " + describe(grad));
  }
  v.grad = std::move(grad);
}

void Variable::zero_grad() { checked(impl_, "zero_grad").grad = {}; }

void Variable::set_value(Tensor value) {
  Impl& v = checked_leaf(impl_, "set_value");
  if (!value.defined()) throw Error(ErrorKind::Usage, "set_value", "the tensor is undefined");
  if (v.requires_grad && !is_floating(value.dtype())) {
    throw Error(ErrorKind::Usage, "set_value",
                std::string("a gradient needs a floating type, not ") + name_of(value.dtype()));
  }
  // A gradient that no longer fits would be added to a foreign one later.
  const bool fits = value.dims() == v.dims && value.dtype() == v.dtype && value.device() == v.value.device();
  if (!fits) v.grad = {};
  v.dims = value.dims();
  v.dtype = value.dtype();
  v.value = std::move(value);
}

Variable Variable::detach() const { return Variable(value()); }

Variable make_result(Tensor value, std::shared_ptr<Node> creator) {
  Variable result;
  result.impl_ = std::make_shared<Variable::Impl>();
  if (value.defined()) {
    result.impl_->dims = value.dims();
    result.impl_->dtype = value.dtype();
  }
  result.impl_->value = std::move(value);
  result.impl_->creator = std::move(creator);
  result.impl_->requires_grad = true;
  return result;
}

void Variable::backward(const Tensor& seed) const {
  const Impl& v = checked(impl_, "backward");
  if (!v.requires_grad) {
    throw Error(ErrorKind::Usage, "backward",
                "nothing to differentiate: no parameter that requires a gradient leads to this value",
                "was it computed under NoGradGuard, detached, or are all parameters frozen?");
  }
  if (!seed.defined() && v.dims.numel() != 1) {
    throw Error(ErrorKind::Usage, "backward",
                "only a single number has a gradient without a seed, this value is " + describe(v.value),
                "reduce it (sum, mean) or pass a seed of its sizes");
  }
  if (seed.defined() && !(seed.dims() == v.dims && seed.dtype() == v.dtype)) {
    throw Error(
        ErrorKind::Usage, "backward",
        "the seed must have the value's sizes and type: value " + describe(v.value) + ", seed " + describe(seed));
  }
  run_backward(*this, seed.defined() ? seed : ones_like(v.value));
}

}  // namespace fledge
