#include "autograd/ops/distance.h"

#include "autograd/node.h"
#include "tensor/ops/distance.h"

namespace fledge {
namespace {

class L2NormalizeNode : public Node {
 public:
  L2NormalizeNode(const L2NormalizeResult& forward, double eps) : y_(forward.y), norm_(forward.norm), eps_(eps) {}
  const char* name() const override { return "l2_normalize"; }
  std::vector<Tensor> backward(const Tensor& dy, const Needs&) override {
    return {l2_normalize_backward(dy, {y_.get(name(), "output"), norm_.get(name(), "norm")}, eps_)};
  }
  void release() override {
    y_.release();
    norm_.release();
  }

 private:
  Saved y_, norm_;
  double eps_;
};

// Inputs a, b; in the self case only a, which receives the gradient of both sides.
class PairwiseDistanceNode : public Node {
 public:
  PairwiseDistanceNode(const Tensor& a, const Tensor& b, const Tensor& d, const PairwiseDistanceParams& params)
      : a_(a), b_(b), d_(d), params_(params) {}
  const char* name() const override { return "pairwise_distance"; }
  std::vector<Tensor> backward(const Tensor& dd, const Needs& needs) override {
    const Tensor& a = a_.get(name(), "left rows");
    const Tensor& d = d_.get(name(), "distances");
    const bool self = needs.size() == 1;
    if (self) return {pairwise_distance_backward(dd, a, a, d, true, false, params_).da};
    PairwiseDistanceGradients g =
        pairwise_distance_backward(dd, a, b_.get(name(), "right rows"), d, needs[0], needs[1], params_);
    return {g.da, g.db};
  }
  void release() override {
    for (Saved* saved : {&a_, &b_, &d_}) saved->release();
  }

 private:
  Saved a_, b_, d_;
  PairwiseDistanceParams params_;
};

}  // namespace

Variable l2_normalize(const Variable& x, double eps) {
  const L2NormalizeResult forward = l2_normalize(x.value(), eps);
  if (!wants_graph({&x})) return Variable(forward.y);
  return attach(forward.y, std::make_shared<L2NormalizeNode>(forward, eps), {x});
}

Variable pairwise_distance(const Variable& a, const Variable& b, const PairwiseDistanceParams& params) {
  Tensor d = pairwise_distance(a.value(), b.value(), params);
  if (!wants_graph({&a, &b})) return Variable(d);
  if (a.impl() == b.impl()) {
    return attach(d, std::make_shared<PairwiseDistanceNode>(a.value(), Tensor(), d, params), {a});
  }
  // x against x.detach() has the same memory on both sides but wants one side's gradient only: a copy keeps them apart.
  const Tensor other = a.value().shares_storage_with(b.value()) ? b.value().clone() : b.value();
  return attach(d, std::make_shared<PairwiseDistanceNode>(a.value(), other, d, params), {a, b});
}

}  // namespace fledge
