// The list of a network's shapes is that of the real network, and costs neither time nor memory; so does a model that
// waits for its weights.
#include <unistd.h>
#include <catch2/catch.hpp>
#include <chrono>
#include <fstream>

#include "nn/init.h"
#include "nn/layers/linear.h"
#include "nn/state_dict.h"
#include "tests/nn/import/lists.h"

using namespace fledge;
using namespace fledge::test;

namespace {

ModelSpec spec_of(const std::string& arch, double width) {
  ModelSpec spec;
  spec.arch = arch;
  spec.width = width;
  return spec;
}

void check_same(const std::vector<NamedShape>& shapes, const NamedTensors& state) {
  REQUIRE(shapes.size() == state.size());
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    CAPTURE(state[i].first);
    REQUIRE(shapes[i].name == state[i].first);
    const Dims& dims = state[i].second.dims();
    REQUIRE(shapes[i].shape == std::vector<std::int64_t>(dims.begin(), dims.end()));
  }
}

std::int64_t resident_bytes() {
  std::int64_t pages = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

}  // namespace

TEST_CASE("shapes_of is the state of the real model") {
  const std::string arch = GENERATE("resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "mobilenet_v1");
  for (const char* stem : {"imagenet", "small"})
    for (const int embedding : {0, 24})
      for (const int classes : {0, 7}) {
        CAPTURE(arch, stem, embedding, classes);
        ModelSpec spec = spec_of(arch, 0.0625);
        spec.stem = stem;
        spec.embedding = embedding;
        spec.classes = classes;
        check_same(shapes_of(spec), EmbeddingModel(spec, 1).named_state());
        check_same(shapes_of(spec), EmbeddingModel::uninitialized(spec)->named_state());
      }
  check_same(shapes_of(spec_of(arch, 1)), EmbeddingModel::uninitialized(spec_of(arch, 1))->named_state());
}

TEST_CASE("neither shapes nor a model without values touch the memory of the weights") {
  const ModelSpec spec = spec_of("resnet101", 1.5);  // 380 MB; blocks of this size are in no cache of other tests
  const std::int64_t before = resident_bytes();
  const auto start = std::chrono::steady_clock::now();
  REQUIRE(shapes_of(spec).size() > 600);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  CHECK(resident_bytes() - before < 8 << 20);
  CHECK(seconds < 0.1);  // about 2 ms; a busy machine is not to fail
  const auto model = EmbeddingModel::uninitialized(spec);
  REQUIRE(model->parameter_count() > 90'000'000);
  CHECK(resident_bytes() - before < 40 << 20);
  for (const auto& [name, t] : model->named_state()) REQUIRE((t.rank() == 0 || t.is_dense()));
  model->head()->weight().value().fill(1);  // its memory is its own
  CHECK(model->head()->weight().value().slice(0, 7, 1).to_vector<float>() == std::vector<float>(3072, 1));
}

TEST_CASE("a model without values loads like any other") {
  ModelSpec spec = spec_of("resnet18", 0.125);
  spec.classes = 5;
  const EmbeddingModel real(spec, 3);
  const auto empty = EmbeddingModel::uninitialized(spec);
  load_state_dict(*empty, real.named_state());
  const NamedTensors a = real.named_state(), b = empty->named_state();
  for (std::size_t i = 0; i < a.size(); ++i) {
    CAPTURE(a[i].first);
    REQUIRE(a[i].second.to_vector<double>() == b[i].second.to_vector<double>());
    REQUIRE(a[i].second.is_channels_last() == b[i].second.is_channels_last());
  }
}

TEST_CASE("the mode of initial values ends with its guard, and is a thread's own") {
  Generator g(1);
  {
    const InitGuard outer(InitMode::Memory);
    {
      const InitGuard inner(InitMode::Shapes);
      const Tensor t = constant({1 << 20, 1 << 20}, 1);
      CHECK(t.dims() == Dims{1 << 20, 1 << 20});
      CHECK(t.strides() == Dims{0, 0});
    }
    CHECK(kaiming_normal({4, 4, 3, 3}, FanMode::Out, g).is_channels_last());
    CHECK(g.counter() == 0);
    CHECK(constant({3}, 2).to_vector<float>() == std::vector<float>{2, 2, 2});
  }
  kaiming_normal({4, 4, 3, 3}, FanMode::Out, g);
  CHECK(g.counter() > 0);
}
