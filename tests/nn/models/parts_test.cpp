// Inference of a large batch by parts: when, and that it changes no picture's features.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "autograd/grad_mode.h"
#include "kernels/api/reproducibility.h"
#include "nn/models/model.h"
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

using Parts = std::vector<std::int64_t>;

TEST_CASE("parts: blocks of large maps take few pictures, in inference alone", "[model][parts]") {
  EmbeddingModel mobilenet({.arch = "mobilenet_v1", .width = 0.25, .embedding = 0}, 1);
  EmbeddingModel resnet({.arch = "resnet18", .embedding = 0}, 1);
  const auto parts_of = [](const EmbeddingModel& m, std::int64_t n, std::int64_t size) {
    return part_sizes(m.backbone(), pictures(n, size));
  };
  mobilenet.train(false);
  resnet.train(false);
  const int before = num_threads();
  set_num_threads(1);
  CHECK(parts_of(mobilenet, 16, 224) == Parts(14, 16));  // a gradient is wanted
  {
    const NoGradGuard no_grad;
    CHECK(parts_of(mobilenet, 16, 224) == Parts{1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 4, 4});
    CHECK(parts_of(mobilenet, 13, 224) ==
          Parts{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 13, 13});  // of five that would do: parts are equal
    CHECK(parts_of(mobilenet, 1, 224) == Parts(14, 1));
    CHECK(parts_of(resnet, 16, 224) == Parts{1, 1, 1, 1, 1, 2, 2, 16, 16});
    CHECK(parts_of(resnet, 5, 224) == Parts{1, 1, 1, 1, 1, 1, 1, 5, 5});
    CHECK(parts_of(resnet, 16, 32) == Parts(9, 16));
    set_num_threads(2);
    CHECK(parts_of(resnet, 16, 224) == Parts{2, 2, 2, 2, 2, 4, 4, 16, 16});
    set_thread_invariant(true);
    CHECK(parts_of(resnet, 16, 224) == Parts{1, 1, 1, 1, 1, 2, 2, 16, 16});
    set_thread_invariant(false);
    resnet.train(true);
    CHECK(parts_of(resnet, 16, 224) == Parts(9, 16));
  }
  set_num_threads(before);
}

TEST_CASE("parts: each divides the next, and all of them the batch", "[model][parts]") {
  const NoGradGuard no_grad;
  for (const char* arch : {"mobilenet_v1", "resnet18", "resnet50"})
    for (const std::int64_t n : {1, 2, 6, 7, 12, 30, 31}) {
      EmbeddingModel model({.arch = arch, .width = 0.25, .embedding = 0}, 1);
      model.train(false);
      Parts parts = part_sizes(model.backbone(), pictures(n, 96));
      parts.push_back(n);
      for (std::size_t i = 1; i < parts.size(); ++i) CHECK(parts[i] % parts[i - 1] == 0);
    }
}

TEST_CASE("parts: features are those of the whole batch, in its order", "[model][parts]") {
  const NoGradGuard no_grad;
  for (const char* arch : {"mobilenet_v1", "resnet18"}) {
    EmbeddingModel model({.arch = arch, .width = 0.25, .embedding = 0}, 3);
    model.train(false);
    const std::size_t blocks = model.backbone().blocks().size();
    const Variable images = pictures(6, 40);
    const Tensor whole = pooled_features(model.backbone(), images, Parts(blocks, 6)).value();
    const auto differ_little = [&](const Parts& sizes) {
      const Tensor parts = pooled_features(model.backbone(), images, sizes).value();
      REQUIRE(parts.dims() == whole.dims());
      CHECK(furthest(parts, whole) < 1e-5);
    };
    for (const std::int64_t part : {1, 2, 3}) differ_little(Parts(blocks, part));
    Parts growing(blocks, 6);
    growing[0] = 1, growing[1] = growing[2] = 2;
    differ_little(growing);
    growing[0] = growing[1] = growing[2] = 3;
    differ_little(growing);
    growing.back() = 6, growing[blocks - 2] = 3;
    for (std::size_t i = 0; i + 2 < blocks; ++i) growing[i] = 1;
    differ_little(growing);
  }
}
