// The classifier beside the embedding, and the variant of timm's MobileNet.
#include <catch2/catch.hpp>

#include "autograd/grad_mode.h"
#include "autograd/ops/conv.h"
#include "autograd/ops/gemm.h"
#include "autograd/ops/norm.h"
#include "autograd/ops/pool.h"
#include "nn/layers/conv.h"
#include "nn/layers/linear.h"
#include "nn/models/model.h"
#include "nn/state_dict.h"
#include "tests/nn/models/golden.h"

using namespace fledge;
using namespace fledge::test;
using Catch::Matchers::Contains;

namespace {

ModelSpec spec_with(std::int64_t embedding, std::int64_t classes) {
  ModelSpec spec;
  spec.arch = "mobilenet_v1";
  spec.width = 0.25;
  spec.embedding = embedding;
  spec.classes = classes;
  return spec;
}

/// MobileNet v1 written out from its weights: table 1 of Howard et al. 2017, padding 1, the given norm.
Tensor by_hand(const NamedTensors& weights, const Tensor& images, const BatchNormParams& norm) {
  const auto layer = [&](const Variable& x, const std::string& conv, const std::string& bn, int kernel, int stride,
                         int groups) {
    const Tensor w = find(weights, conv + ".weight");
    const Conv2dParams params = conv_options(1, 1, kernel, stride, kernel / 2, groups).params;
    return batch_norm(conv2d(x, Variable(w), {}, params), Variable(find(weights, bn + ".weight")),
                      Variable(find(weights, bn + ".bias")), {}, find(weights, bn + ".running_mean"),
                      find(weights, bn + ".running_var"), false, norm);
  };
  const int strides[] = {1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1};
  Variable x = layer(Variable(images), "model.0.0", "model.0.1", 3, 2, 1);
  for (int i = 1; i <= 13; ++i) {
    const std::string block = "model." + std::to_string(i) + ".";
    x = layer(x, block + "0", block + "1", 3, strides[i - 1], static_cast<int>(x.dims()[1]));
    x = layer(x, block + "3", block + "4", 1, 1, 1);
  }
  return global_avg_pool(x).value();
}

}  // namespace

TEST_CASE("the classifier is part of the weights, beside the embedding") {
  const EmbeddingModel with(spec_with(8, 5), 1), without(spec_with(8, 0), 1);
  const NamedTensors state = with.named_state();
  CHECK(state.size() == without.named_state().size() + 2);
  CHECK(state[state.size() - 2].first == "fc.weight");
  CHECK(find(state, "fc.weight").dims() == Dims{5, 256});
  CHECK(find(state, "fc.bias").dims() == Dims{5});
  for (const auto& [name, t] : without.named_state())  // the same draws
    REQUIRE(t.to_vector<double>() == find(state, name).to_vector<double>());
  CHECK(with.classifier() != nullptr);
  CHECK(without.classifier() == nullptr);
  CHECK(with.embedding_size() == 8);
}

TEST_CASE("logits are the classifier of the pooled features") {
  for (const std::int64_t embedding : {0, 8}) {
    EmbeddingModel model(spec_with(embedding, 5), 1);
    model.to(DType::Float64);
    fill_by_formula(model);
    model.eval();
    NoGradGuard no_grad;
    const Tensor x = formula("picture", {2, 3, 40, 33});
    const ModelOutput f = model.forward(Variable(x), {.logits = true});
    REQUIRE(f.logits.dims() == Dims{2, 5});
    const std::vector<double> pooled = f.features.value().to_vector<double>(),
                              logits = f.logits.value().to_vector<double>();
    const std::vector<double> w = model.classifier()->weight().value().to_vector<double>();
    const std::vector<double> b = model.classifier()->bias().value().to_vector<double>();
    for (int n = 0; n < 2; ++n)
      for (int k = 0; k < 5; ++k) {
        double sum = b[k];
        for (int c = 0; c < 256; ++c) sum += pooled[n * 256 + c] * w[k * 256 + c];
        CHECK(logits[n * 5 + k] == Approx(sum).epsilon(1e-10));
      }
    CHECK_FALSE(model.forward(Variable(x)).logits.defined());
  }
}

TEST_CASE("logits without a classifier, and classes below 0, are refused") {
  EmbeddingModel model(spec_with(8, 0), 1);
  model.eval();
  const Tensor x = formula("picture", {1, 3, 32, 32}).to(DType::Float32);
  CHECK_THROWS_WITH(model.forward(Variable(x), {.logits = true}), Contains("has no classifier"));
  CHECK_THROWS_WITH(EmbeddingModel(spec_with(8, -1), 1), Contains("-1 classes are negative"));
}

TEST_CASE("classes are written only where there are some") {
  CHECK_FALSE(spec_with(8, 0).to_map().count("classes"));
  const ModelSpec back = ModelSpec::from_map(spec_with(0, 1000).to_map());
  CHECK(back.classes == 1000);
  CHECK(back.describe() == "mobilenet_v1 width 0.25, no head, 1000 classes, stem imagenet");
  CHECK_THROWS_WITH(ModelSpec::from_map({{"arch", "resnet18"}, {"classes", "many"}}), Contains("'classes' is 'many'"));
}

TEST_CASE("torch-relu6 is MobileNet with padding 1, eps 1e-5 and ReLU6") {
  ModelSpec spec = spec_with(0, 0);
  spec.variant = "torch-relu6";
  EmbeddingModel model(spec, 1);
  model.to(DType::Float64);  // float64: the plain loops of kernels/ref
  fill_by_formula(model, 4);
  model.eval();
  NoGradGuard no_grad;
  const Tensor x = formula("picture", {2, 3, 33, 40});
  const Tensor pooled = model.forward(Variable(x)).features.value();
  const NamedTensors weights = model.named_state();
  const auto distance = [&](double eps, Activation activation) {
    return relative_error(pooled, by_hand(weights, x, {.eps = eps, .momentum = 0.1, .activation = activation}));
  };
  CHECK(distance(1e-5, Activation::ReLU6) <= 1e-12);
  CHECK(distance(1e-5, Activation::ReLU) > 1e-6);  // the ceiling is reached
  CHECK(distance(1e-3, Activation::ReLU6) > 1e-6);
  CHECK(spec.describe() == "mobilenet_v1 width 0.25, no head, stem imagenet, torch-relu6 conventions");
}
