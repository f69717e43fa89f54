// Residual blocks and MobileNet v1 against PyTorch (tests/golden/make_models.py).
#include <catch2/catch.hpp>

#include "autograd/grad_mode.h"
#include "autograd/ops/pool.h"
#include "nn/models/model.h"
#include "nn/models/resnet_blocks.h"
#include "nn/state_dict.h"
#include "tests/nn/models/golden.h"

using namespace fledge;
using namespace fledge::test;

namespace {

/// Forward and backward in training mode; every gradient and every updated statistic.
template <class Block>
void check_block(Block& block, const std::string& file, DType dtype, double tolerance) {
  const NamedTensors golden = golden_file(file);
  block.to(dtype);
  load_state_dict(block, below(golden, "state."));
  block.train();
  const Variable x(find(golden, "input").to(dtype), true);
  const Variable y = block.forward(x);
  CHECK(relative_error(y.value(), find(golden, "output")) <= tolerance);
  y.backward(find(golden, "cotangent").to(dtype));
  CHECK(relative_error(x.grad(), find(golden, "grad.input")) <= tolerance);
  for (const auto& [name, p] : block.named_parameters()) {
    INFO(name);
    CHECK(relative_error(p.grad(), find(golden, "grad." + name)) <= tolerance);
  }
  for (const auto& [name, b] : block.named_buffers()) {
    INFO(name);
    CHECK(relative_error(b, find(golden, "after." + name)) <= tolerance);
  }
}

double tolerance_of(DType dtype) { return dtype == DType::Float64 ? 1e-11 : 1e-4; }

}  // namespace

TEST_CASE("basic block equals torchvision's, forward, gradients and statistics") {
  const DType dtype = GENERATE(DType::Float64, DType::Float32);
  Generator g(1);
  ResidualBlock block({.bottleneck = false}, 6, 8, 2, g);
  check_block(block, "basic_block.safetensors", dtype, tolerance_of(dtype));
}

TEST_CASE("bottleneck equals torchvision's, forward, gradients and statistics") {
  const DType dtype = GENERATE(DType::Float64, DType::Float32);
  Generator g(1);
  ResidualBlock block({.bottleneck = true}, 12, 4, 2, g);
  check_block(block, "bottleneck.safetensors", dtype, tolerance_of(dtype));
}

TEST_CASE("MobileNet v1 0.25 equals PyTorch's in both variants, evaluating and training") {
  const std::string variant = GENERATE("torch", "keras");
  const bool training = GENERATE(false, true);
  const DType dtype = GENERATE(DType::Float64, DType::Float32);
  CAPTURE(variant, training, name_of(dtype));
  const NamedTensors golden =
      below(golden_file("mobilenet_025.safetensors"), variant + (training ? ".train." : ".eval."));
  const double tolerance = tolerance_of(dtype);

  ModelSpec spec;
  spec.arch = "mobilenet_v1";
  spec.width = 0.25;
  spec.variant = variant;
  spec.embedding = 0;
  EmbeddingModel model(spec, 1);
  model.to(dtype);
  fill_by_formula(model, variant == "keras" ? 4 : 1);
  model.train(training);

  const Variable x(formula("pictures", training ? Dims{8, 3, 64, 64} : Dims{2, 3, 32, 32}).to(dtype), true);
  const ModelOutput f = model.forward(x, {.feature_maps = true});
  REQUIRE(f.feature_maps.size() == 4);
  const int blocks[] = {3, 5, 11};
  for (int i = 0; i < 3; ++i) {
    INFO("stage " << i);
    CHECK(relative_error(global_avg_pool(f.feature_maps[i]).value(),
                         find(golden, "stage_mean." + std::to_string(blocks[i]))) <= tolerance);
  }
  CHECK(relative_error(f.features.value(), find(golden, "pooled")) <= tolerance);
  f.features.backward(formula("cotangent", f.features.dims()).to(dtype));
  if (!training) CHECK(relative_error(x.grad(), find(golden, "grad.input")) <= tolerance);
  // Twenty-seven batch norms of few pixels make float32 rounding grow to 1e-4, and some input of a ReLU is nearer to
  // zero than that (2e-7 here): on which side it falls decides percents of the gradients below. They are compared in
  // float64; in float32 blocks are.
  const bool below_relu = !(training && dtype == DType::Float32);
  int compared = 0;
  for (const auto& [name, p] : model.named_parameters()) {
    if (!has(golden, "grad." + name) || !(below_relu || name == "model.13.4.weight")) continue;
    INFO(name);
    CHECK(relative_error(p.grad(), find(golden, "grad." + name)) <= tolerance);
    ++compared;
  }
  CHECK(compared == (below_relu ? 6 : 1));
  compared = 0;
  for (const auto& [name, b] : model.named_buffers()) {
    if (!has(golden, "after." + name)) continue;
    INFO(name);
    CHECK(relative_error(b, find(golden, "after." + name)) <= tolerance);
    ++compared;
  }
  CHECK(compared == (training ? 3 : 0));
}
