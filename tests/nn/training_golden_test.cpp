// Ten steps of training against PyTorch: model, losses, gradients and
// optimiser together (tests/golden/make_training.py).
#include <catch2/catch.hpp>
#include <cmath>

#include "autograd/ops/eltwise.h"
#include "nn/losses/pairs/triplet.h"
#include "nn/losses/teacher/absolute_relative.h"
#include "nn/models/model.h"
#include "nn/optim/registry.h"
#include "tensor/creation.h"
#include "tests/nn/models/golden.h"

using namespace fledge;
using namespace fledge::test;

namespace {

constexpr std::int64_t kPictures = 8;

/// The rows i + 2 * step, around the end.
Tensor turned(const Tensor& t, int step, DType dtype) {
  Tensor out = t.clone();
  for (std::int64_t i = 0; i < kPictures; ++i) out.slice(0, i, 1).copy_from(t.slice(0, (i + 2 * step) % kPictures, 1));
  return out.to(dtype);
}

Tensor unit_rows(const Tensor& t) {
  const Tensor out = t.clone();
  double* v = out.data<double>();
  const std::int64_t n = t.dim(1);
  for (std::int64_t i = 0; i < t.dim(0); ++i) {
    double sum = 0;
    for (std::int64_t j = 0; j < n; ++j) sum += v[i * n + j] * v[i * n + j];
    for (std::int64_t j = 0; j < n; ++j) v[i * n + j] /= std::sqrt(sum);
  }
  return out;
}

struct Run {
  std::vector<double> losses;
  std::vector<std::pair<std::string, Tensor>> state;
};

Run train(DType dtype) {
  ModelSpec spec;
  spec.arch = "resnet18";
  spec.width = 1.0 / 16;
  spec.stem = "small";
  spec.embedding = 8;
  EmbeddingModel model(spec, 1);
  model.to(dtype);
  fill_by_formula(model);
  model.train();
  OptimizerOptions options;
  options.kind = "adam";
  options.weight_decay = 2e-4;
  const auto optimizer = make_optimizer({{"all", model.named_parameters()}}, options);
  const Tensor pictures = formula("training pictures", {kPictures, 3, 16, 16});
  const Tensor teacher = unit_rows(formula("training teacher", {kPictures, 5}));
  const Tensor labels = from_vector(std::vector<std::int64_t>{0, 0, 1, 1, 2, 2, 3, 3}, {kPictures});
  Run run;
  for (int step = 0; step < 10; ++step) {
    const ModelOutput f = model.forward(Variable(turned(pictures, step, dtype)));
    const Variable metric = triplet_all(f.embedding, labels, 0.2, TripletMargin::Hinge).value;
    const Variable loss =
        metric + 0.3 * relative_teacher(f.embedding, turned(teacher, step, dtype), RelativeForm::Frobenius);
    run.losses.push_back(loss.item());
    optimizer->zero_grad();
    loss.backward();
    optimizer->step(1e-3);
  }
  run.state = model.named_state();
  return run;
}

void check(DType dtype, double loss_tolerance, double state_tolerance) {
  const NamedTensors golden = golden_file("training.safetensors");
  const std::vector<double> expected = find(golden, "losses").to_vector<double>();
  const Run run = train(dtype);
  REQUIRE(expected.size() == 10);
  for (std::size_t i = 0; i < 10; ++i) {
    INFO("step " << i + 1 << ": " << run.losses[i] << ", PyTorch " << expected[i]);
    CHECK(std::abs(run.losses[i] - expected[i]) <= loss_tolerance * expected[i]);
  }
  for (const auto& [name, tensor] : below(golden, "after.")) {
    INFO(name);
    CHECK(relative_error(find(run.state, name), tensor) <= state_tolerance);
  }
}

}  // namespace

TEST_CASE("ten steps of training equal PyTorch's in float64", "[training][golden]") {
  check(DType::Float64, 1e-8, 1e-7);
}

TEST_CASE("ten steps of training in float32 stay near", "[training][golden]") { check(DType::Float32, 1e-3, 1e-2); }
