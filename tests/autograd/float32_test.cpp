// The float32 path (the backend's kernels) gives the gradients of the float64 path (reference kernels).
#include <catch2/catch.hpp>

#include "autograd/ops/ops.h"
#include "tensor/creation.h"
#include "tests/autograd/cases.h"
#include "tests/support/gpu.h"

namespace fledge::test {
namespace {

Leaves small_network_leaves(DType dtype) {
  Leaves leaves;
  int seed = 1;
  for (const Dims& dims : {Dims{4, 3, 9, 9}, {8, 3, 3, 3}, {8}, {8}, {8, 1, 3, 3}, {8}, {8}, {8, 8, 1, 1}, {5, 8}, {5}})
    leaves.emplace_back(affine(Variable(normal(dims, seed++)), 0.5, dims.rank() == 1 ? 1 : 0).value().to(dtype), true);
  return leaves;
}

/// Stem, pool, depthwise-separable residual block, embedding, distances: what the models are made of.
Variable small_network(const Leaves& v) {
  const BatchNormParams relu{.activation = Activation::ReLU}, plain{};
  const Conv2dParams padded{.pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1};
  Conv2dParams depthwise = padded;
  depthwise.groups = 8;
  Variable h = batch_norm(conv2d(v[0], v[1], {}, padded), v[2], v[3], {}, {}, {}, true, relu);
  h = max_pool2d(h, {});
  Variable block = conv2d(conv2d(h, v[4], {}, depthwise), v[7], {}, {});
  h = batch_norm(block, v[5], v[6], h, {}, {}, true, plain);
  const Variable embedding = l2_normalize(linear(global_avg_pool(h), v[8], v[9]));
  const Variable logits = matmul(embedding, embedding, false, true);
  return mean(square(pairwise_distance(embedding, embedding))) - 0.3 * mean(log_softmax(logits));
}

}  // namespace

TEST_CASE("float32 gradients of a small network equal the float64 ones") {
  const Leaves wide = small_network_leaves(DType::Float64), narrow = small_network_leaves(DType::Float32);
  const Variable y64 = small_network(wide), y32 = small_network(narrow);
  CHECK(y32.item() == Approx(y64.item()).epsilon(1e-5));
  y64.backward();
  y32.backward();
  for (std::size_t i = 0; i < wide.size(); ++i) {
    INFO("leaf " << i << ", " << to_string(wide[i].dims()));
    CHECK(relative_difference(narrow[i].grad(), wide[i].grad()) < 1e-4);
  }
}

// Cases whose function is smooth at the float32 rounding of the inputs; casts have a dtype of their own.
TEST_CASE("every operation gives the float64 gradient in float32") {
  for (const GradCase& c : all_cases()) {
    if (c.op == "cast" || c.op == "batch_norm") continue;
    Leaves wide, narrow;
    for (const Tensor& t : c.inputs) {
      narrow.emplace_back(t.to(DType::Float32), true);
      wide.emplace_back(narrow.back().value().to(DType::Float64), true);
    }
    const Variable y64 = c.f(wide), y32 = c.f(narrow);
    const Tensor cotangent = normal(y64.dims(), 5).to(DType::Float32);
    y64.backward(cotangent.to(DType::Float64));
    y32.backward(cotangent);
    for (std::size_t i = 0; i < wide.size(); ++i) {
      INFO(c.op << " " << c.what << ", input " << i);
      CHECK(relative_difference(narrow[i].grad(), wide[i].grad()) < 1e-4);
    }
  }
}

}  // namespace fledge::test
