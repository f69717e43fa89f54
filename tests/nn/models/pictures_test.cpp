// Networks take pictures that are still bytes, and give what they give for the normalized ones, to the bit.
#include <catch2/catch.hpp>
#include <cstring>

#include "autograd/grad_mode.h"
#include "nn/models/model.h"
#include "nn/models/parts.h"
#include "tensor/creation.h"
#include "tests/nn/models/golden.h"
#include "tests/tensor/errors.h"

using namespace fledge;
using namespace fledge::test;

namespace {

const NormalizeParams kImagenet{{0.485f, 0.456f, 0.406f}, {0.229f, 0.224f, 0.225f}};
const NormalizeParams kKeras{{0.5f, 0.5f, 0.5f}, {0.5f, 0.5f, 0.5f}};

StoredPictures drawn(std::int64_t n, std::int64_t height, std::int64_t width, const NormalizeParams& normalize) {
  const Tensor pixels = Tensor::empty({n, height, width, 3}, DType::UInt8);
  std::uint32_t state = 12345;
  for (std::int64_t i = 0; i < pixels.numel(); ++i) {
    state = state * 1664525u + 1013904223u;
    pixels.data<std::uint8_t>()[i] = static_cast<std::uint8_t>(state >> 24);
  }
  return {pixels, normalize};
}

bool same_bits(const Tensor& a, const Tensor& b) {
  if (!(a.dims() == b.dims()) || a.dtype() != b.dtype()) return false;
  const Tensor x = a.contiguous(), y = b.contiguous();
  return std::memcmp(x.raw(), y.raw(), static_cast<std::size_t>(x.numel()) * size_of(x.dtype())) == 0;
}

void check_same(const EmbeddingModel& model, const StoredPictures& pictures, DType dtype = DType::Float32) {
  const NoGradGuard no_grad;
  const Variable images(pictures.normalized(dtype));
  CHECK(same_bits(model.forward(pictures).embedding.value(), model.forward(images).embedding.value()));
  const ModelOutput a = model.forward(pictures, {.feature_maps = true, .features_only = true});
  const ModelOutput b = model.forward(images, {.feature_maps = true, .features_only = true});
  CHECK(same_bits(a.embedding.value(), b.embedding.value()));
  REQUIRE(a.feature_maps.size() == b.feature_maps.size());
  for (std::size_t i = 0; i < a.feature_maps.size(); ++i)
    CHECK(same_bits(a.feature_maps[i].value(), b.feature_maps[i].value()));
}

/// A backbone that knows nothing of bytes.
class Mean : public Backbone {
 public:
  Mean() : weight_(parameter("weight", full({1, 3, 1, 1}, 2))) {
    append({.forward = [](Variable x) { return x; }, .weights = 3, .channels = 3});
  }

 private:
  Variable weight_;
};

}  // namespace

TEST_CASE("bytes: every kind of network gives the bits of the normalized pictures", "[model][pictures]") {
  struct Case {
    const char *arch, *variant;
    double width;
    NormalizeParams normalize;
  };
  for (const Case& c : {Case{"mobilenet_v1", "torch", 0.25, kImagenet},
                        Case{"mobilenet_v1", "torch-relu6", 0.5, kKeras}, Case{"mobilenet_v1", "keras", 0.25, kKeras},
                        Case{"mobilenet_v1", "torch", 1.0, kImagenet}, Case{"resnet18", "torch", 1.0, kImagenet},
                        Case{"resnet18", "torch", 0.25, kImagenet}, Case{"resnet50", "stride-1x1", 0.25, kImagenet}})
    for (const char* stem : {"imagenet", "small"}) {
      EmbeddingModel model(
          {.arch = c.arch, .width = c.width, .embedding = 8, .classes = 0, .stem = stem, .variant = c.variant}, 1);
      fill_by_formula(model);
      model.eval();
      INFO(c.arch << " " << c.variant << " " << c.width << " " << stem);
      check_same(model, drawn(1, 32, 32, c.normalize));
      check_same(model, drawn(3, 45, 37, c.normalize));
    }
}

TEST_CASE("bytes: in float64, too", "[model][pictures]") {
  EmbeddingModel model({.arch = "mobilenet_v1", .width = 0.25, .embedding = 4}, 1);
  model.to(DType::Float64);
  model.eval();
  check_same(model, drawn(2, 32, 32, kImagenet), DType::Float64);
}

TEST_CASE("bytes: parts of a batch are those of the normalized pictures", "[model][pictures][parts]") {
  const NoGradGuard no_grad;
  EmbeddingModel model({.arch = "mobilenet_v1", .width = 0.25, .embedding = 0}, 1);
  fill_by_formula(model);
  model.eval();
  for (const std::int64_t n : {1, 8, 13, 16, 27}) {
    const StoredPictures pictures = drawn(n, 64, 64, kImagenet);
    const Variable images(pictures.normalized());
    const Parts parts = parts_of(model.backbone(), images);
    CHECK(parts_of(model.backbone(), pictures) == parts);
    CHECK(same_bits(pooled_features(model.backbone(), pictures, parts).value(),
                    pooled_features(model.backbone(), images, parts).value()));
  }
}

TEST_CASE("bytes: parts that grow from block to block are those of the normalized pictures",
          "[model][pictures][parts]") {
  const NoGradGuard no_grad;
  for (const char* arch : {"mobilenet_v1", "resnet18"})
    for (const DType dtype : {DType::Float32, DType::BFloat16}) {
      EmbeddingModel model({.arch = arch, .width = 0.25, .embedding = 0}, 1);
      fill_by_formula(model);
      model.eval();
      const StoredPictures pictures = drawn(6, 40, 40, kImagenet);
      const Variable images(pictures.normalized(dtype));
      const Parts all{std::vector<std::int64_t>(model.backbone().blocks().size(), 6)};
      Parts growing = all;
      growing.sizes[0] = 1, growing.sizes[1] = growing.sizes[2] = 3;
      const Tensor by_parts = pooled_features(model.backbone(), images, growing).value();
      const Tensor whole = pooled_features(model.backbone(), images, all).value();
      CHECK(relative_error(by_parts.to(DType::Float32), whole.to(DType::Float32)) <
            (dtype == DType::Float32 ? 1e-5 : 0.02));
      if (dtype == DType::Float32)
        CHECK(same_bits(pooled_features(model.backbone(), pictures, growing).value(), by_parts));
    }
}

TEST_CASE("bytes: training normalizes first, gradients reach the first layer", "[model][pictures]") {
  const StoredPictures pictures = drawn(4, 32, 32, kImagenet);
  for (const bool training : {true, false})
    for (const char* arch : {"mobilenet_v1", "resnet18"}) {
      const auto gradient = [&](auto images) {
        EmbeddingModel model({.arch = arch, .width = 0.25, .embedding = 4}, 1);
        if (!training) model.eval();
        const Variable y = model.forward(images).embedding;
        y.backward(full(y.dims(), 0.5));
        return model.parameters().front().grad();
      };
      const Tensor of_bytes = gradient(pictures);
      REQUIRE(of_bytes.defined());
      CHECK(same_bits(of_bytes, gradient(Variable(pictures.normalized()))));
    }
}

TEST_CASE("bytes: a backbone that does not read them gets the normalized pictures", "[model][pictures]") {
  const Mean backbone;
  const StoredPictures pictures = drawn(2, 3, 5, kKeras);
  CHECK(same_bits(backbone.forward(pictures, nullptr).value(), pictures.normalized()));
}

TEST_CASE("bytes: what is no picture is refused", "[model][pictures]") {
  const EmbeddingModel model({.arch = "mobilenet_v1", .width = 0.25}, 1);
  const auto error = [&](const Tensor& pixels) {
    return error_of([&] { model.forward(StoredPictures{pixels, kImagenet}); });
  };
  CHECK_THAT(error(Tensor::empty({1, 3, 32, 32}, DType::UInt8)), Catch::Contains("images are N,H,W,3"));
  CHECK_THAT(error(Tensor::empty({32, 32, 3}, DType::UInt8)), Catch::Contains("mobilenet_v1"));
  CHECK_THAT(error(Tensor::empty({1, 32, 32, 3})), Catch::Contains("uint8"));
}
