// Inference of a large batch by parts: when, and that it changes no picture's features.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "autograd/grad_mode.h"
#include "kernels/api/reproducibility.h"
#include "nn/models/model.h"
#include "nn/models/parts.h"
#include "tensor/context.h"
#include "tensor/creation.h"
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

using Sizes = std::vector<std::int64_t>;

TEST_CASE("parts: blocks of large maps take few pictures, in inference alone", "[model][parts]") {
  EmbeddingModel mobilenet({.arch = "mobilenet_v1", .width = 0.25, .embedding = 0}, 1);
  EmbeddingModel resnet({.arch = "resnet18", .embedding = 0}, 1);
  const auto sizes_of = [](const EmbeddingModel& m, std::int64_t n, std::int64_t size) {
    const Parts parts = parts_of(m.backbone(), pictures(n, size));
    CHECK(parts.in_lanes == 0);
    return parts.sizes;
  };
  mobilenet.train(false);
  resnet.train(false);
  const int before = num_threads();
  set_num_threads(1);
  CHECK(sizes_of(mobilenet, 16, 224) == Sizes(14, 16));  // a gradient is wanted
  {
    const NoGradGuard no_grad;
    CHECK(sizes_of(mobilenet, 16, 224) == Sizes{1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 4, 4});
    CHECK(sizes_of(mobilenet, 13, 224) ==
          Sizes{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 13, 13});  // of five that would do: parts are equal
    CHECK(sizes_of(mobilenet, 1, 224) == Sizes(14, 1));
    CHECK(sizes_of(resnet, 16, 224) == Sizes{1, 1, 1, 1, 1, 2, 2, 16, 16});
    CHECK(sizes_of(resnet, 5, 224) == Sizes{1, 1, 1, 1, 1, 1, 1, 5, 5});
    CHECK(sizes_of(resnet, 16, 32) == Sizes(9, 16));
    resnet.train(true);
    CHECK(sizes_of(resnet, 16, 224) == Sizes(9, 16));
  }
  set_num_threads(before);
}

TEST_CASE("parts: each thread has some of its own, but where they would be too few for the weights", "[model][parts]") {
  EmbeddingModel mobilenet({.arch = "mobilenet_v1", .width = 0.25, .embedding = 0}, 1);
  EmbeddingModel resnet({.arch = "resnet18", .embedding = 0}, 1);
  mobilenet.eval();
  resnet.eval();
  const NoGradGuard no_grad;
  const int before = num_threads();
  const auto of = [](const EmbeddingModel& m, std::int64_t n) { return parts_of(m.backbone(), pictures(n, 224)); };
  set_num_threads(2);
  CHECK(of(resnet, 16) == Parts{{1, 1, 1, 1, 1, 2, 2, 16, 16}, 7});
  CHECK(of(resnet, 1) == Parts{Sizes(9, 1), 0});
  CHECK(of(resnet, 2) == Parts{{1, 1, 1, 1, 1, 1, 1, 2, 2}, 7});
  CHECK(of(mobilenet, 16) == Parts{{1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 4, 4}, 14});
  CHECK(of(resnet, 3) == Parts{{1, 1, 1, 1, 1, 3, 3, 3, 3}, 0});     // two rounds, of which one is half idle
  CHECK(of(resnet, 15) == Parts{{1, 1, 1, 1, 1, 1, 1, 15, 15}, 7});  // eight rounds for 7.5
  set_num_threads(16);
  CHECK(of(resnet, 24) == Parts{{12, 12, 12, 12, 12, 24, 24, 24, 24}, 0});  // together, and then on larger parts
  set_num_threads(6);
  CHECK(of(resnet, 64) == Parts{{1, 1, 1, 1, 1, 2, 2, 64, 64}, 7});  // 32 parts in six rounds
  set_num_threads(3);
  CHECK(of(resnet, 24) == Parts{{1, 1, 1, 1, 1, 2, 2, 24, 24}, 7});
  CHECK(of(resnet, 48) == Parts{{1, 1, 1, 1, 1, 2, 2, 16, 16}, 9});
  set_num_threads(2);
  set_thread_invariant(true);
  CHECK(of(resnet, 16) == Parts{{1, 1, 1, 1, 1, 2, 2, 16, 16}, 7});
  set_num_threads(5);
  CHECK(of(resnet, 16).sizes == Sizes{1, 1, 1, 1, 1, 2, 2, 16, 16});
  set_thread_invariant(false);
  set_num_threads(before);
}

TEST_CASE("parts: those that threads have of their own change no bit", "[model][parts]") {
  const NoGradGuard no_grad;
  const int before = num_threads();
  set_thread_invariant(true);
  for (const char* arch : {"mobilenet_v1", "resnet18"})
    for (const bool alone : {false, true}) {
      const auto features = [&](int threads, std::size_t in_lanes) {
        set_num_threads(threads);
        EmbeddingModel model({.arch = arch, .width = 0.25, .embedding = 0}, 3);
        model.eval();
        if (alone) model.keep_folded_weights_alone();
        const std::size_t blocks = model.backbone().blocks().size();
        Parts parts{Sizes(blocks, 4), in_lanes};
        for (std::size_t i = 0; i + 2 < blocks; ++i) parts.sizes[i] = i < 2 ? 1 : 2;
        parts.sizes.back() = 12;
        const Tensor y = pooled_features(model.backbone(), pictures(12, 40), parts).value();
        CHECK(furthest(pooled_features(model.backbone(), pictures(12, 40), parts).value(), y) == 0);
        return y;
      };
      const Tensor expected = features(1, 0);
      const std::size_t blocks = EmbeddingModel({.arch = arch}, 1).backbone().blocks().size();
      for (const int threads : {2, 3, 8})
        for (const std::size_t lanes : {std::size_t{2}, blocks - 2, blocks - 1})
          CHECK(furthest(features(threads, lanes), expected) == 0);
    }
  set_thread_invariant(false);
  set_num_threads(before);
}

TEST_CASE("parts: an error in a thread's own comes out, and the next batch is right", "[model][parts]") {
  struct Failing : Backbone {
    Failing() {
      append({.forward = [](Variable x) { return x; }, .weights = 1, .channels = 3});
      append({.forward =
                  [this](Variable x) {
                    if (fails && x.value().data<float>()[0] > 4) throw Error(ErrorKind::Internal, "block", "no more");
                    return x;
                  },
              .weights = 1,
              .channels = 3});
    }
    bool fails = true;
  };
  const NoGradGuard no_grad;
  const int before = num_threads();
  set_num_threads(2);
  Failing backbone;
  const Tensor numbers =
      arange(8, DType::Float32).reshape({8, 1, 1, 1}).expand({8, 3, 1, 1}).contiguous(Layout::ChannelsLast);
  const Parts parts{{1, 1}, 2};
  CHECK_THROWS_WITH(pooled_features(backbone, Variable(numbers), parts), Catch::Contains("no more"));
  backbone.fails = false;
  const Tensor y = pooled_features(backbone, Variable(numbers), parts).value();
  for (std::int64_t i = 0; i < 8; ++i) CHECK(y.data<float>()[i * 3] == static_cast<float>(i));
  CHECK(num_threads() == 2);
  set_num_threads(before);
}

TEST_CASE("parts: each divides the next, and all of them the batch", "[model][parts]") {
  const NoGradGuard no_grad;
  for (const char* arch : {"mobilenet_v1", "resnet18", "resnet50"})
    for (const std::int64_t n : {1, 2, 6, 7, 12, 30, 31}) {
      EmbeddingModel model({.arch = arch, .width = 0.25, .embedding = 0}, 1);
      model.train(false);
      const int before = num_threads();
      for (const int threads : {1, 2, 3, 16}) {
        set_num_threads(threads);
        const Parts parts = parts_of(model.backbone(), pictures(n, 96));
        Sizes sizes = parts.sizes;
        sizes.push_back(n);
        for (std::size_t i = 1; i < sizes.size(); ++i) CHECK(sizes[i] % sizes[i - 1] == 0);
        if (parts.in_lanes > 0) CHECK(sizes[parts.in_lanes] / sizes[parts.in_lanes - 1] >= threads);
      }
      set_num_threads(before);
    }
}

TEST_CASE("parts: features are those of the whole batch, in its order", "[model][parts]") {
  const NoGradGuard no_grad;
  for (const char* arch : {"mobilenet_v1", "resnet18"}) {
    EmbeddingModel model({.arch = arch, .width = 0.25, .embedding = 0}, 3);
    model.train(false);
    const std::size_t blocks = model.backbone().blocks().size();
    const Variable images = pictures(6, 40);
    const Tensor whole = pooled_features(model.backbone(), images, {Sizes(blocks, 6)}).value();
    const auto differ_little = [&](const Sizes& sizes) {
      const Tensor parts = pooled_features(model.backbone(), images, {sizes}).value();
      REQUIRE(parts.dims() == whole.dims());
      CHECK(furthest(parts, whole) < 1e-5);
    };
    for (const std::int64_t part : {1, 2, 3}) differ_little(Sizes(blocks, part));
    Sizes growing(blocks, 6);
    growing[0] = 1, growing[1] = growing[2] = 2;
    differ_little(growing);
    growing[0] = growing[1] = growing[2] = 3;
    differ_little(growing);
    growing.back() = 6, growing[blocks - 2] = 3;
    for (std::size_t i = 0; i + 2 < blocks; ++i) growing[i] = 1;
    differ_little(growing);
  }
}
