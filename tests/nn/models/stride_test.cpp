// ResNets that stride in the first 1x1 convolution of a block ("v1"), against the network written out in plain
// operations: subsampling by hand, convolutions of stride 1 where the kernel is 1x1.
#include <catch2/catch.hpp>

#include "autograd/grad_mode.h"
#include "autograd/ops/conv.h"
#include "autograd/ops/eltwise.h"
#include "autograd/ops/norm.h"
#include "autograd/ops/pool.h"
#include "nn/models/registry.h"
#include "nn/models/resnet.h"
#include "nn/state_dict.h"
#include "tensor/creation.h"
#include "tests/nn/models/golden.h"

using namespace fledge;
using namespace fledge::test;
using Catch::Matchers::Contains;

namespace {

ModelSpec spec_of(const std::string& arch, const std::string& stem, const std::string& variant = "stride-1x1") {
  ModelSpec spec;
  spec.arch = arch;
  spec.width = 0.0625;
  spec.stem = stem;
  spec.variant = variant;
  spec.embedding = 0;
  return spec;
}

/// Every second row and column: what a 1x1 convolution of stride 2 sees.
Tensor every_second(const Tensor& x) {
  const std::vector<double> from = x.to_vector<double>();
  const std::int64_t n = x.dim(0) * x.dim(1), h = x.dim(2), w = x.dim(3);
  std::vector<double> to;
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t y = 0; y < h; y += 2)
      for (std::int64_t z = 0; z < w; z += 2) to.push_back(from[static_cast<std::size_t>((i * h + y) * w + z)]);
  return from_vector<double>(to, {x.dim(0), x.dim(1), (h + 1) / 2, (w + 1) / 2});
}

struct Plain {
  const NamedTensors& state;
  bool training = false;

  Variable norm(const Variable& x, const std::string& name, Activation activation = Activation::None,
                const Variable& residual = {}) const {
    const auto of = [&](const char* leaf) { return Variable(find(state, name + leaf)); };
    return batch_norm(x, of(".weight"), of(".bias"), residual, find(state, name + ".running_mean"),
                      find(state, name + ".running_var"), training, {.activation = activation});
  }
  Variable conv(const Variable& x, const std::string& name, int stride, int padding) const {
    Conv2dParams params;
    params.stride_h = params.stride_w = stride;
    params.pad_top = params.pad_left = params.pad_bottom = params.pad_right = padding;
    return conv2d(x, Variable(find(state, name + ".weight")), {}, params);
  }
  Variable block(const Variable& x, const std::string& name, bool strided) const {
    const Variable seen = strided ? Variable(every_second(x.value())) : x;
    const Variable a = norm(conv(seen, name + "conv1", 1, 0), name + "bn1", Activation::ReLU);
    const Variable b = norm(conv(a, name + "conv2", 1, 1), name + "bn2", Activation::ReLU);
    const Variable shortcut = has(state, name + "downsample.0.weight")
                                  ? norm(conv(seen, name + "downsample.0", 1, 0), name + "downsample.1")
                                  : seen;
    return norm(conv(b, name + "conv3", 1, 0), name + "bn3", Activation::ReLU, shortcut);
  }
  /// After each layer.
  std::vector<Variable> network(const Variable& x, const std::vector<int>& blocks, bool small) const {
    Variable y = norm(conv(x, "conv1", small ? 1 : 2, small ? 1 : 3), "bn1", Activation::ReLU);
    if (!small) y = max_pool2d(y, Pool2dParams{});
    std::vector<Variable> stages;
    for (int s = 1; s <= 4; ++s) {
      for (int b = 0; b < blocks[static_cast<std::size_t>(s - 1)]; ++b)
        y = block(y, "layer" + std::to_string(s) + "." + std::to_string(b) + ".", s > 1 && b == 0);
      stages.push_back(y);
    }
    return stages;
  }
};

std::string refusal_of(const ModelSpec& spec) {
  try {
    const EmbeddingModel model(spec, 1);
  } catch (const Error& e) {
    CHECK(e.kind() == ErrorKind::Usage);
    CHECK_FALSE(e.hint().empty());
    return e.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("a ResNet with the stride in its 1x1 convolutions equals its plain operations") {
  struct Case {
    const char* arch;
    std::vector<int> blocks;
  };
  const Case c = GENERATE(Case{"resnet50", {3, 4, 6, 3}}, Case{"resnet101", {3, 4, 23, 3}});
  const std::string stem = GENERATE("imagenet", "small");
  const bool training = GENERATE(false, true);
  if (training && c.blocks[2] > 6) return;  // nothing new
  CAPTURE(c.arch, stem, training);
  EmbeddingModel model(spec_of(c.arch, stem), 1);
  model.to(DType::Float64);
  fill_by_formula(model);
  model.train(training);
  NoGradGuard no_grad;
  // Odd sizes: rows 0, 2, 4, ... are seen, the last one included. Training wants more than a pixel at the end.
  const Tensor x = formula("picture", {2, 3, stem == "small" ? 21 : 67, stem == "small" ? 30 : 86});
  NamedTensors state;  // a copy: training moves the running statistics
  for (const auto& [name, tensor] : state_dict(model)) state.push_back({name, tensor.clone()});
  const std::vector<Variable> plain = Plain{state, training}.network(Variable(x), c.blocks, stem == "small");
  const ModelOutput features = model.forward(Variable(x), {.feature_maps = true});
  REQUIRE(features.feature_maps.size() == 4);
  for (std::size_t s = 0; s < 4; ++s) {
    CAPTURE(s);
    CHECK(relative_error(features.feature_maps[s].value(), plain[s].value()) <= 1e-10);
  }
  const Variable pooled = global_avg_pool(plain[3]);
  CHECK(relative_error(features.features.value(), pooled.value()) <= 1e-10);
  if (training) return;

  // The same weights with the stride in the 3x3 convolution are another network.
  EmbeddingModel torch(spec_of(c.arch, stem, "torch"), 1);
  torch.to(DType::Float64);
  load_state_dict(torch, state_dict(model));
  torch.eval();
  CHECK(relative_error(torch.forward(Variable(x)).features.value(), pooled.value()) > 1e-3);
}

TEST_CASE("weights and sizes are the same wherever a bottleneck strides") {
  const ModelSpec first = spec_of("resnet50", "imagenet"), torch = spec_of("resnet50", "imagenet", "torch");
  const NamedTensors a = state_dict(EmbeddingModel(first, 7)), b = state_dict(EmbeddingModel(torch, 7));
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    CHECK(a[i].first == b[i].first);
    CHECK(a[i].second.to_vector<double>() == b[i].second.to_vector<double>());
  }
  CHECK(first.describe() == "resnet50 width 0.0625, no head, stem imagenet, stride-1x1 conventions");
  CHECK(ModelSpec::from_map(first.to_map()).variant == "stride-1x1");
}

TEST_CASE("variants by architecture") {
  using Names = std::vector<std::string>;
  for (const char* arch : {"resnet50", "resnet101", "resnet152"})
    CHECK(variant_names(arch) == Names{"torch", "stride-1x1"});
  for (const char* arch : {"resnet18", "resnet34"}) CHECK(variant_names(arch) == Names{"torch"});
  CHECK(variant_names("mobilenet_v1") == Names{"torch", "torch-relu6", "keras"});
  CHECK_THROWS_WITH(variant_names("resnet81"), Contains("unknown architecture 'resnet81'"));
  for (const std::string& arch : model_names())
    for (const std::string& variant : variant_names(arch))
      CHECK(refusal_of(spec_of(arch, "small", variant)) == "no error");
  CHECK_THAT(refusal_of(spec_of("resnet18", "small")), Contains("no 'stride-1x1' conventions; use torch"));
  CHECK_THAT(refusal_of(spec_of("resnet50", "small", "keras")), Contains("use torch or stride-1x1"));
  CHECK_THAT(refusal_of(spec_of("mobilenet_v1", "small")), Contains("use torch, torch-relu6 or keras"));
}
