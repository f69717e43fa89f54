// In evaluation without a graph batch norms are folded into their convolutions: the same numbers, folded once per
// version of the weights.
#include <catch2/catch.hpp>
#include <cmath>

#include "autograd/grad_mode.h"
#include "nn/layers/conv_norm_act.h"
#include "nn/models/model.h"
#include "nn/state_dict.h"
#include "tensor/creation.h"
#include "tensor/ops/eltwise.h"
#include "tests/nn/models/golden.h"

using namespace fledge;
using namespace fledge::test;

namespace {

struct FoldedNetwork {
  const char* arch;
  const char* stem;
  const char* variant;
  std::int64_t embedding;
};

EmbeddingModel* make(const FoldedNetwork& c, DType dtype) {
  ModelSpec spec;
  spec.arch = c.arch;
  spec.width = std::string(c.arch) == "mobilenet_v1" ? 0.25 : 0.125;
  spec.stem = c.stem;
  spec.variant = c.variant;
  spec.embedding = c.embedding;
  auto* model = new EmbeddingModel(spec, 1);
  model->to(dtype);
  fill_by_formula(*model, std::string(c.variant) == "keras" ? 4 : 1);
  model->eval();
  return model;
}

/// act(bn(conv(x) + bias) + residual): a layer with everything that can be folded.
struct Biased : Module {
  explicit Biased(Generator& g) {
    Conv2dOptions options = conv_options(4, 6, 3, 1, 1, 2);
    options.bias = true;
    conv = child<Conv2d>("conv", options, g);
    bn = child<BatchNorm2d>("bn", 6);
    fill_by_formula(*this);
    to(DType::Float64);
    eval();
  }
  Variable forward(const Tensor& x, const Variable& residual = {}) const {
    return conv_norm_act(*conv, *bn, Activation::ReLU6, Variable(x), residual);
  }
  Tensor inference(const Tensor& x, const Variable& residual = {}) const {
    const NoGradGuard no_grad;
    return forward(x, residual).value();
  }
  FoldedConv::Weights folded() const { return conv->folded().of(*conv, *bn, DType::Float64); }

  std::shared_ptr<Conv2d> conv;
  std::shared_ptr<BatchNorm2d> bn;
};

}  // namespace

TEST_CASE("inference equals evaluation with a graph") {
  const FoldedNetwork c = GENERATE(
      FoldedNetwork{"resnet18", "imagenet", "torch", 8}, FoldedNetwork{"resnet18", "small", "torch", 8},
      FoldedNetwork{"resnet50", "imagenet", "torch", 8}, FoldedNetwork{"resnet50", "small", "torch", 0},
      FoldedNetwork{"resnet50", "imagenet", "stride-1x1", 8}, FoldedNetwork{"resnet50", "small", "stride-1x1", 0},
      FoldedNetwork{"mobilenet_v1", "imagenet", "torch", 8}, FoldedNetwork{"mobilenet_v1", "imagenet", "keras", 8},
      FoldedNetwork{"mobilenet_v1", "small", "keras", 0}, FoldedNetwork{"mobilenet_v1", "small", "torch", 8});
  const DType dtype = GENERATE(DType::Float64, DType::Float32);
  CAPTURE(c.arch, c.stem, c.variant, name_of(dtype));
  const double tolerance = dtype == DType::Float64 ? 1e-12 : 1e-5;
  const std::unique_ptr<EmbeddingModel> model(make(c, dtype));
  for (const Dims& dims : {Dims{2, 3, 33, 40}, Dims{1, 3, 32, 32}}) {
    const Tensor x = formula("picture", dims).to(dtype);
    const ModelOutput plain = model->forward(Variable(x), {.feature_maps = true});
    REQUIRE(plain.embedding.creator());
    const NoGradGuard no_grad;
    const ModelOutput folded = model->forward(Variable(x), {.feature_maps = true});
    for (std::size_t i = 0; i < plain.feature_maps.size(); ++i)
      CHECK(relative_error(folded.feature_maps[i].value(), plain.feature_maps[i].value()) <= tolerance);
    CHECK(relative_error(folded.features.value(), plain.features.value()) <= tolerance);
    CHECK(relative_error(folded.embedding.value(), plain.embedding.value()) <= tolerance);
    const ModelOutput last = model->forward(Variable(x.contiguous(Layout::ChannelsLast)));
    CHECK(relative_error(last.embedding.value(), plain.embedding.value()) <= tolerance);
  }
}

TEST_CASE("biases, groups, residuals and views are folded too") {
  Generator g(1);
  const Biased layer(g);
  const Tensor x = formula("x", {2, 4, 5, 6}), more = formula("more", {2, 8, 5, 6});
  const Variable residual(formula("residual", {2, 6, 5, 6}));
  CHECK(relative_error(layer.inference(x), layer.forward(x).value()) <= 1e-12);
  CHECK(relative_error(layer.inference(x, residual), layer.forward(x, residual).value()) <= 1e-12);
  const Tensor view = more.slice(1, 2, 4);
  CHECK(relative_error(layer.inference(view), layer.forward(view).value()) <= 1e-12);
}

TEST_CASE("weights are folded once per version") {
  Generator g(1);
  Biased layer(g);
  const Tensor x = formula("x", {2, 4, 5, 6});
  layer.inference(x);
  for (const auto& [name, t] : state_dict(layer)) {
    if (is_batch_counter(name)) continue;
    INFO(name);
    const FoldedConv::Weights before = layer.folded();  // kept alive: what is folded anew lies elsewhere
    layer.inference(x);
    CHECK(layer.folded().weight.shares_storage_with(before.weight));
    t.copy_from(affine(t, 1.3, 0.05));
    CHECK(relative_error(layer.inference(x), layer.forward(x).value()) <= 1e-12);
    CHECK_FALSE(layer.folded().weight.shares_storage_with(before.weight));
  }
}

TEST_CASE("training and moving give back what was folded") {
  Generator g(1);
  Biased layer(g);
  layer.inference(formula("x", {2, 4, 5, 6}));
  Tensor held = layer.folded().weight;
  CHECK(held.use_count() == 2);
  layer.eval();
  CHECK(held.use_count() == 2);
  layer.train();
  CHECK(held.use_count() == 1);
  layer.eval();
  held = layer.folded().weight;
  layer.to(Device{});  // there already
  CHECK(held.use_count() == 2);
  layer.to(DType::Float32);
  CHECK(held.use_count() == 1);
  const NoGradGuard no_grad;
  CHECK(layer.forward(formula("x", {2, 4, 5, 6}).to(DType::Float32)).value().dtype() == DType::Float32);
}

TEST_CASE("a guard puts a module into evaluation without a graph, and back") {
  Generator g(1);
  Biased layer(g);
  const Tensor x = formula("x", {2, 4, 5, 6});
  for (const bool training : {true, false}) {
    layer.train(training);
    {
      const InferenceGuard inference(layer);
      CHECK_FALSE(layer.bn->is_training());
      CHECK_FALSE(layer.forward(x).creator());
    }
    CHECK(layer.is_training() == training);
    CHECK(layer.bn->is_training() == training);
    CHECK(layer.forward(x).creator());
  }
}

TEST_CASE("a network that is only run keeps its weights once, and gives the same bits", "[nn][folded]") {
  for (const FoldedNetwork& network :
       {FoldedNetwork{"resnet18", "small", "torch", 8}, FoldedNetwork{"mobilenet_v1", "small", "torch", 8}}) {
    INFO(network.arch);
    const std::unique_ptr<EmbeddingModel> plain(make(network, DType::Float32)), alone(make(network, DType::Float32));
    const Variable images(formula("picture", {2, 3, 32, 32}).to(DType::Float32));
    const NoGradGuard no_grad;
    plain->eval();
    alone->train();
    alone->keep_folded_weights_alone();
    CHECK(alone->keeps_folded_weights_alone());
    const Tensor expected = plain->forward(images).embedding.value();
    for (int again = 0; again < 2; ++again, alone->keep_folded_weights_alone())  // once more: as before
      CHECK(relative_error(alone->forward(images).embedding.value(), expected) == 0);
    for (const auto& [name, weight] : alone->named_parameters()) {
      if (weight.dims().rank() != 4) continue;
      INFO(name);
      CHECK(weight.value().strides() == Dims{0, 0, 0, 0});  // no memory
      CHECK(std::isnan(weight.value().slice(0, 0, 1).contiguous().data<float>()[0]));
    }
    const Variable mixed(images.value().to(DType::BFloat16));  // which would need other folded weights
    CHECK_THROWS_WITH(alone->forward(mixed), Catch::Contains("was given up"));
    CHECK_THROWS_WITH(alone->train(), Catch::Contains("was given up"));
  }
}
