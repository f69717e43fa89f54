// Embedding models: sizes, names, specs, errors, options.
#include "nn/models/model.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "autograd/grad_mode.h"
#include "nn/layers/linear.h"
#include "nn/state_dict.h"
#include "tensor/creation.h"
#include "tests/nn/models/golden.h"

using namespace fledge;
using Catch::Matchers::Contains;

namespace {

ModelSpec spec_of(const std::string& arch, double width, const std::string& stem = "imagenet",
                  std::int64_t embedding = 16) {
  ModelSpec spec;
  spec.arch = arch;
  spec.width = width;
  spec.stem = stem;
  spec.embedding = embedding;
  return spec;
}

std::string usage_of(const ModelSpec& spec) {
  try {
    EmbeddingModel model(spec, 1);
  } catch (const Error& e) {
    CHECK(e.kind() == ErrorKind::Usage);
    return e.what();
  }
  return "built";
}

std::vector<std::vector<double>> all_values(const Module& module) {
  std::vector<std::vector<double>> values;
  for (const auto& [name, t] : state_dict(module)) values.push_back(t.to_vector<double>());
  return values;
}

}  // namespace

TEST_CASE("networks have the published number of parameters and tensors") {
  struct Case {
    const char* arch;
    double width;
    std::int64_t parameters, tensors;  // of the backbone, from torchvision and from the ImageNet weights of MobileNet
  };
  const Case c = GENERATE(Case{"resnet18", 1, 11176512, 120}, Case{"resnet50", 1, 23508032, 318},
                          Case{"mobilenet_v1", 0.25, 213072, 27 * 6}, Case{"mobilenet_v1", 0.75, 1816560, 27 * 6});
  CAPTURE(c.arch, c.width);
  const EmbeddingModel model(spec_of(c.arch, c.width, "imagenet", 0), 1);
  CHECK(model.parameter_count() == c.parameters);
  CHECK(static_cast<std::int64_t>(state_dict(model).size()) == c.tensors);
}

TEST_CASE("deep networks have torchvision's blocks") {
  struct Case {
    const char* arch;
    std::size_t tensors;
    const char* last;
  };
  const Case c =
      GENERATE(Case{"resnet34", 216, "layer3.5.conv2.weight"}, Case{"resnet101", 624, "layer3.22.conv3.weight"},
               Case{"resnet152", 930, "layer3.35.conv3.weight"});
  CAPTURE(c.arch);
  const NamedTensors state = state_dict(EmbeddingModel(spec_of(c.arch, 1.0 / 16, "imagenet", 0), 1));
  CHECK(state.size() == c.tensors);
  CHECK(test::has(state, c.last));
  CHECK(test::has(state, "layer2.0.downsample.0.weight"));
  CHECK(test::has(state, "layer1.0.downsample.1.running_var") == (std::string(c.arch) != "resnet34"));
}

TEST_CASE("stage maps have the documented channels and sizes") {
  struct Case {
    const char* arch;
    const char* stem;
    const char* variant;
    std::int64_t picture;
    std::vector<std::int64_t> sizes, channels;
  };
  const Case c = GENERATE(Case{"resnet18", "imagenet", "torch", 64, {16, 8, 4, 2}, {8, 16, 32, 64}},
                          Case{"resnet18", "small", "torch", 28, {28, 14, 7, 4}, {8, 16, 32, 64}},
                          Case{"resnet50", "small", "torch", 28, {28, 14, 7, 4}, {32, 64, 128, 256}},
                          Case{"mobilenet_v1", "imagenet", "torch", 64, {16, 8, 4, 2}, {16, 32, 64, 128}},
                          Case{"mobilenet_v1", "imagenet", "keras", 64, {16, 8, 4, 2}, {16, 32, 64, 128}},
                          Case{"mobilenet_v1", "small", "torch", 28, {14, 7, 4, 2}, {16, 32, 64, 128}},
                          Case{"mobilenet_v1", "small", "keras", 28, {14, 7, 3, 1}, {16, 32, 64, 128}});
  CAPTURE(c.arch, c.stem, c.variant);
  ModelSpec spec = spec_of(c.arch, 0.125, c.stem);
  spec.variant = c.variant;
  EmbeddingModel model(spec, 1);
  NoGradGuard no_grad;
  model.eval();
  const ModelOutput f = model.forward(Variable(zeros({2, 3, c.picture, c.picture})), {.feature_maps = true});
  REQUIRE(f.feature_maps.size() == 4);
  CHECK(model.backbone().feature_map_channels() == c.channels);
  CHECK(model.backbone().feature_size() == c.channels.back());
  for (int i = 0; i < 4; ++i) CHECK(f.feature_maps[i].dims() == Dims{2, c.channels[i], c.sizes[i], c.sizes[i]});
  CHECK(f.features.dims() == Dims{2, c.channels.back()});
  CHECK(f.embedding.dims() == Dims{2, 16});
  CHECK(model.embedding_size() == 16);
  CHECK_FALSE(f.embedding.creator());
}

TEST_CASE("the embedding is the normalised head, the head itself, or the normalised pooled features") {
  const auto norms = [](const Tensor& t) {
    std::vector<double> norms(static_cast<std::size_t>(t.dim(0)), 0.0);
    const std::vector<double> v = t.to_vector<double>();
    for (std::size_t i = 0; i < v.size(); ++i) norms[i / static_cast<std::size_t>(t.dim(1))] += v[i] * v[i];
    return norms;
  };
  const Variable x(test::formula("picture", {2, 3, 32, 32}).to(DType::Float32));
  ModelSpec spec = spec_of("resnet18", 0.125, "small", 16);
  EmbeddingModel model(spec, 1);
  model.eval();
  const ModelOutput f = model.forward(x);
  CHECK(f.feature_maps.empty());
  for (double n : norms(f.embedding.value())) CHECK(n == Approx(1).epsilon(1e-5));

  const ModelOutput pooled = model.forward(x, {.features_only = true});
  CHECK(pooled.embedding.dims() == Dims{2, 64});
  for (double n : norms(pooled.embedding.value())) CHECK(n == Approx(1).epsilon(1e-5));

  spec.normalize = false;
  EmbeddingModel raw(spec, 1);
  raw.eval();
  const Tensor y = raw.forward(x).embedding.value();
  const std::vector<double> unit = f.embedding.value().to_vector<double>(), plain = y.to_vector<double>();
  const double norm = std::sqrt(norms(y)[0]);
  CHECK(norm != Approx(1).epsilon(1e-3));
  for (int i = 0; i < 16; ++i) CHECK(plain[i] / norm == Approx(unit[i]).margin(1e-5));

  const EmbeddingModel headless(spec_of("resnet18", 0.125, "small", 0), 1);
  CHECK(headless.embedding_size() == 64);
  CHECK(headless.head() == nullptr);
}

TEST_CASE("initial weights are a function of the seed") {
  const ModelSpec spec = spec_of("mobilenet_v1", 0.25);
  const auto a = all_values(EmbeddingModel(spec, 5));
  CHECK(a == all_values(EmbeddingModel(spec, 5)));
  CHECK(a != all_values(EmbeddingModel(spec, 6)));
}

TEST_CASE("a spec survives being written and read") {
  ModelSpec spec = spec_of("mobilenet_v1", 0.1, "small", 7);
  spec.variant = "keras";
  spec.normalize = false;
  const ModelSpec back = ModelSpec::from_map(spec.to_map());
  CHECK(back.to_map() == spec.to_map());
  CHECK(back.width == 0.1);
  CHECK(back.embedding == 7);
  CHECK_FALSE(back.normalize);
  CHECK(spec.describe() == "mobilenet_v1 width 0.1, embedding 7, stem small, keras conventions, not normalised");
  CHECK(ModelSpec{}.describe() == "resnet18, embedding 512, stem imagenet");

  const auto damaged = [](std::map<std::string, std::string> values, const std::string& text) {
    values.emplace("arch", "resnet18");
    try {
      ModelSpec::from_map(values);
    } catch (const Error& e) {
      return e.kind() == ErrorKind::BadInput && std::string(e.what()).find(text) != std::string::npos;
    }
    return false;
  };
  CHECK(damaged({{"width", "wide"}}, "'width' is 'wide', not a number"));
  CHECK(damaged({{"width", "0.5x"}}, "'width'"));
  CHECK(damaged({{"embedding", "1.5"}}, "'embedding' is '1.5', not a whole number"));
  CHECK(damaged({{"normalize", "yes"}}, "'normalize'"));
  CHECK(damaged({{"depth", "3"}}, "unknown key 'depth'"));
  CHECK_THROWS_AS(ModelSpec::from_map({}), Error);
}

TEST_CASE("impossible models are refused with a way out") {
  CHECK_THAT(usage_of(spec_of("resnet81", 1)), Contains("unknown architecture 'resnet81'") && Contains("resnet18"));
  CHECK_THAT(usage_of(spec_of("resnet18", 0)), Contains("width 0"));
  CHECK_THAT(usage_of(spec_of("resnet18", std::nan(""))), Contains("width"));
  CHECK_THAT(usage_of(spec_of("resnet18", 0.001)), Contains("leaves no channel"));
  CHECK_THAT(usage_of(spec_of("mobilenet_v1", 0.03)), Contains("leaves no channel"));
  CHECK_THAT(usage_of(spec_of("resnet18", 1, "tiny")), Contains("unknown stem 'tiny'"));
  CHECK_THAT(usage_of(spec_of("resnet18", 0.1, "small", -1)), Contains("negative"));
  ModelSpec spec = spec_of("resnet18", 0.1);
  spec.variant = "keras";
  CHECK_THAT(usage_of(spec), Contains("'keras' conventions"));
  spec.arch = "mobilenet_v1";
  spec.variant = "caffe";
  CHECK_THAT(usage_of(spec), Contains("has no 'caffe' conventions"));

  const EmbeddingModel model(spec_of("mobilenet_v1", 0.25), 1);
  CHECK_THROWS_WITH(model.forward(Variable(zeros({2, 1, 32, 32}))), Contains("2x1x32x32, not N,3,H,W"));
}
