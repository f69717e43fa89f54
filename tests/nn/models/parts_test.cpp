// Inference of a large batch by parts: when, and that it changes no picture's features.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "autograd/grad_mode.h"
#include "kernels/api/reproducibility.h"
#include "nn/models/parts.h"
#include "tensor/context.h"
#include "tensor/random.h"

using namespace fledge;

namespace {

Variable pictures(std::int64_t n, std::int64_t size) {
  Generator g = Generator::of({7});
  return Variable(rand_normal({n, 3, size, size}, g).contiguous(Layout::ChannelsLast));
}

double furthest(const Tensor& a, const Tensor& b) {
  double most = 0;
  for (std::int64_t i = 0; i < a.numel(); ++i)
    most = std::max(most, std::abs(double{a.data<float>()[i]} - double{b.data<float>()[i]}));
  return most;
}

}  // namespace

TEST_CASE("parts: small networks are run by parts, in inference alone", "[model][parts]") {
  EmbeddingModel small({.arch = "mobilenet_v1", .width = 0.25, .embedding = 0}, 1);
  EmbeddingModel large({.arch = "resnet18", .embedding = 0}, 1);
  const Variable images = pictures(16, 224);
  small.train(false);
  large.train(false);
  const int before = num_threads();
  set_num_threads(1);
  CHECK(part_size(small.backbone(), images) == 16);  // a gradient is wanted
  {
    const NoGradGuard no_grad;
    CHECK(part_size(small.backbone(), images) == 1);
    CHECK(part_size(small.backbone(), pictures(16, 64)) == 8);  // of nine that would do: parts are equal
    CHECK(part_size(small.backbone(), pictures(13, 64)) == 13);
    CHECK(part_size(small.backbone(), pictures(27, 64)) == 9);
    CHECK(part_size(small.backbone(), pictures(1, 224)) == 1);
    CHECK(part_size(large.backbone(), images) == 16);
    set_num_threads(2);
    CHECK(part_size(small.backbone(), images) == 2);
    set_thread_invariant(true);
    CHECK(part_size(small.backbone(), images) == 1);
    set_thread_invariant(false);
    small.train(true);
    CHECK(part_size(small.backbone(), images) == 16);
  }
  set_num_threads(before);
}

TEST_CASE("parts: features are those of the whole batch, in its order", "[model][parts]") {
  const NoGradGuard no_grad;
  for (const char* arch : {"mobilenet_v1", "resnet18"}) {
    EmbeddingModel model({.arch = arch, .width = 0.25, .embedding = 0}, 3);
    model.train(false);
    const Variable images = pictures(7, 40);
    const Tensor whole = pooled_features(model.backbone(), images, 7).value();
    for (const std::int64_t part : {1, 3, 6}) {
      const Tensor parts = pooled_features(model.backbone(), images, part).value();
      REQUIRE(parts.dims() == whole.dims());
      CHECK(furthest(parts, whole) < 1e-5);
    }
  }
}
