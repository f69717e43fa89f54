// The folded inference form equals evaluation of the model it was made from.
#include <catch2/catch.hpp>

#include "autograd/grad_mode.h"
#include "nn/fuse.h"
#include "nn/inference_program.h"
#include "nn/state_dict.h"
#include "tensor/creation.h"
#include "tensor/ops/eltwise.h"
#include "tests/nn/models_golden.h"

using namespace fledge;
using namespace fledge::test;

namespace {

struct Case {
  const char* arch;
  const char* stem;
  const char* conventions;
  std::int64_t embedding;
};

EmbeddingModel* make(const Case& c, DType dtype) {
  ModelSpec spec;
  spec.arch = c.arch;
  spec.width = std::string(c.arch) == "mobilenet_v1" ? 0.25 : 0.125;
  spec.stem = c.stem;
  spec.conventions = c.conventions;
  spec.embedding = c.embedding;
  auto* model = new EmbeddingModel(spec, 1);
  model->to(dtype);
  fill_by_formula(*model, std::string(c.conventions) == "keras" ? 4 : 1);
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
  }
  std::shared_ptr<Conv2d> conv;
  std::shared_ptr<BatchNorm2d> bn;
};

}  // namespace

TEST_CASE("the fused model equals the model") {
  const Case c = GENERATE(Case{"resnet18", "imagenet", "torch", 8}, Case{"resnet18", "small", "torch", 8},
                          Case{"resnet50", "imagenet", "torch", 8}, Case{"resnet50", "small", "torch", 0},
                          Case{"resnet50", "imagenet", "stride-1x1", 8}, Case{"resnet50", "small", "stride-1x1", 0},
                          Case{"mobilenet_v1", "imagenet", "torch", 8}, Case{"mobilenet_v1", "imagenet", "keras", 8},
                          Case{"mobilenet_v1", "small", "keras", 0}, Case{"mobilenet_v1", "small", "torch", 8});
  const DType dtype = GENERATE(DType::Float64, DType::Float32);
  CAPTURE(c.arch, c.stem, c.conventions, name_of(dtype));
  const double tolerance = dtype == DType::Float64 ? 1e-12 : 1e-5;
  const std::unique_ptr<EmbeddingModel> model(make(c, dtype));
  const std::unique_ptr<FusedModel> fused = fuse(*model);
  NoGradGuard no_grad;
  for (const Dims& dims : {Dims{2, 3, 33, 40}, Dims{1, 3, 32, 32}}) {
    const Tensor x = formula("picture", dims).to(dtype);
    const Features f = model->forward(Variable(x));
    CHECK(relative_error(fused->pooled(x), f.pooled.value()) <= tolerance);
    CHECK(relative_error(fused->embed(x), f.embedding.value()) <= tolerance);
    CHECK(relative_error(fused->embed(x.contiguous(Layout::ChannelsLast)), f.embedding.value()) <= tolerance);
  }
}

TEST_CASE("a fused model is a snapshot") {
  const std::unique_ptr<EmbeddingModel> model(make({"mobilenet_v1", "small", "torch", 8}, DType::Float32));
  const std::unique_ptr<FusedModel> fused = fuse(*model);
  const Tensor x = formula("picture", {1, 3, 28, 28}).to(DType::Float32);
  const std::vector<float> before = fused->embed(x).to_vector<float>();
  for (const auto& [name, t] : state_dict(*model)) t.fill(0.5);
  CHECK(fused->embed(x).to_vector<float>() == before);
  CHECK(fuse(*model)->embed(x).to_vector<float>() != before);
}

TEST_CASE("grey pictures are refused by the fused model too") {
  const std::unique_ptr<EmbeddingModel> model(make({"mobilenet_v1", "small", "torch", 8}, DType::Float32));
  CHECK_THROWS_WITH(fuse(*model)->embed(zeros({1, 1, 28, 28})), Catch::Matchers::Contains("not N,3,H,W"));
}

TEST_CASE("a program folds biases and groups, and keeps values that are still to be read") {
  Generator g(1);
  Biased a(g), b(g);
  fill_by_formula(a);
  fill_by_formula(b);
  for (const auto& [name, t] : state_dict(b))
    if (t.rank() > 0) t.copy_from(affine(t, 1.3, 0.05));
  for (Module* m : {static_cast<Module*>(&a), static_cast<Module*>(&b)}) {
    m->to(DType::Float64);
    m->eval();
  }
  const Tensor x = formula("x", {2, 4, 5, 6}), narrow = x.slice(1, 0, 4);
  const auto plain = [](const Biased& m, const Variable& v, const Variable& residual) {
    return m.bn->forward(m.conv->forward(v), Activation::ReLU6, residual);
  };
  // y1 = a(x); y2 = b(x) + y1; y3 = a(x) + y2: the input and y1 are read more than once.
  const Variable y1 = plain(a, Variable(x), {}), y2 = plain(b, Variable(x), y1), y3 = plain(a, Variable(x), y2);
  InferenceProgram p;
  const auto v1 = p.conv(InferenceProgram::kInput, *a.conv, *a.bn, Activation::ReLU6);
  const auto v2 = p.conv(InferenceProgram::kInput, *b.conv, *b.bn, Activation::ReLU6, v1);
  CHECK(relative_error(p.run(x), y2.value()) <= 1e-12);
  p.conv(InferenceProgram::kInput, *a.conv, *a.bn, Activation::ReLU6, v2);
  CHECK(relative_error(p.run(x), y3.value()) <= 1e-12);
  CHECK(relative_error(p.run(narrow), y3.value()) <= 1e-12);
  CHECK_THROWS_AS(p.conv(17, *a.conv, *a.bn, Activation::None), Error);
}
