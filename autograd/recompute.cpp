#include "autograd/recompute.h"

#include <utility>

#include "autograd/grad_mode.h"
#include "autograd/node.h"
#include "autograd/variable_impl.h"

namespace fledge {
namespace {

thread_local bool second_run = false;

/// The state of a second run: it records a graph, whoever calls backward().
class SecondRun {
 public:
  SecondRun() : before_(std::exchange(second_run, true)) {}
  ~SecondRun() { second_run = before_; }
  SecondRun(const SecondRun&) = delete;
  SecondRun& operator=(const SecondRun&) = delete;

 private:
  const GradGuard graph_;
  const bool before_;
};

class RecomputedNode : public Node {
 public:
  RecomputedNode(std::function<Variable(Variable)> f, const Tensor& x) : f_(std::move(f)), x_(x) {}
  const char* name() const override { return "recomputed"; }

  Variable again() override {
    const Tensor& x = x_.get(name(), "input");
    const SecondRun guard;
    if (!inputs[0].defined()) return f_(Variable(x));
    return f_(inputs[0].creator() ? make_result(x, inputs[0].creator()) : inputs[0]);
  }
  std::vector<Tensor> backward(const Tensor&, const Needs&) override { return {}; }  // its graph's nodes do that
  void release() override {
    x_.release();
    f_ = nullptr;
  }

 private:
  std::function<Variable(Variable)> f_;
  Saved x_;
};

}  // namespace

static thread_local bool norms_again = false;

RecomputeNorms::RecomputeNorms(bool on) : before_(std::exchange(norms_again, on)) {}
RecomputeNorms::~RecomputeNorms() { norms_again = before_; }
bool recomputes_norms() { return norms_again; }

bool recomputing() { return second_run; }

Variable recomputed(std::function<Variable(Variable)> f, const Variable& x) {
  const Variable y = f(x);
  if (!y.requires_grad() || !y.creator()) return y;
  return attach(y.value(), std::make_shared<RecomputedNode>(std::move(f), x.value()), {x});
}

}  // namespace fledge
