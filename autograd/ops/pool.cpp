#include "autograd/ops/pool.h"

#include "autograd/node.h"
#include "tensor/ops/pool.h"

namespace fledge {
namespace {

class MaxPool2dNode : public Node {
 public:
  MaxPool2dNode(const Tensor& indices, const Dims& x_dims, const Pool2dParams& params)
      : indices_(indices), x_dims_(x_dims), params_(params) {}
  const char* name() const override { return "max_pool2d"; }
  std::vector<Tensor> backward(const Tensor& dy, const Needs&) override {
    return {max_pool2d_backward(dy, indices_.get(name(), "indices"), x_dims_, params_)};
  }
  void release() override { indices_.release(); }

 private:
  Saved indices_;
  Dims x_dims_;
  Pool2dParams params_;
};

class GlobalAvgPoolNode : public Node {
 public:
  GlobalAvgPoolNode(const Dims& x_dims, DType x_dtype) : x_dims_(x_dims), x_dtype_(x_dtype) {}
  const char* name() const override { return "global_avg_pool"; }
  std::vector<Tensor> backward(const Tensor& dy, const Needs&) override {
    return {global_avg_pool_backward(dy, x_dims_, x_dtype_)};
  }
  void release() override {}

 private:
  Dims x_dims_;
  DType x_dtype_;
};

}  // namespace

Variable max_pool2d(const Variable& x, const Pool2dParams& params) {
  const bool graph = wants_graph({&x});
  const MaxPoolResult forward = max_pool2d(x.value(), params, graph);
  if (!graph) return Variable(forward.y);
  return attach(forward.y, std::make_shared<MaxPool2dNode>(forward.indices, x.dims(), params), {x});
}

Variable global_avg_pool(const Variable& x) {
  Tensor y = global_avg_pool(x.value());
  if (!wants_graph({&x})) return Variable(y);
  return attach(y, std::make_shared<GlobalAvgPoolNode>(x.dims(), x.value().dtype()), {x});
}

}  // namespace fledge
