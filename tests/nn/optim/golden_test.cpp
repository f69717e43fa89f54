// Optimisers and schedules against PyTorch, five steps (tests/golden/make_losses.py).
#include <catch2/catch.hpp>
#include <cmath>

#include "nn/optim/registry.h"
#include "nn/optim/schedule.h"
#include "tests/nn/models/golden.h"

using namespace fledge;
using namespace fledge::test;

namespace {

const NamedTensors& goldens() {
  static const NamedTensors file = golden_file("optim.safetensors");
  return file;
}

double largest_difference(const Tensor& a, const Tensor& b) {
  const std::vector<double> x = a.to_vector<double>(), y = b.to_vector<double>();
  REQUIRE(x.size() == y.size());
  double worst = 0;
  for (std::size_t i = 0; i < x.size(); ++i) worst = std::max(worst, std::abs(x[i] - y[i]));
  return worst;
}

void check(const std::string& name, const OptimizerOptions& options, DType dtype, double tolerance) {
  INFO(name << " " << name_of(dtype));
  ParameterGroup group{"all", {}};
  for (const std::string k : {"a", "b"})
    group.parameters.emplace_back(k, Variable(find(goldens(), "w0." + k).to(dtype).clone(), true));
  const auto optimizer = make_optimizer({group}, options);
  for (int t = 0; t < 5; ++t) {
    optimizer->zero_grad();
    for (auto& [k, p] : group.parameters)
      if (!(k == "b" && t == 2)) p.set_grad(find(goldens(), "grad" + std::to_string(t) + "." + k).to(dtype));
    optimizer->step(0.05);
    if (t != 0 && t != 4) continue;
    for (const auto& [k, p] : group.parameters)
      CHECK(largest_difference(p.value(), find(goldens(), name + "." + k + ".step" + std::to_string(t))) < tolerance);
  }
}

}  // namespace

TEST_CASE("five steps equal PyTorch's", "[optim][golden]") {
  for (const auto& [dtype, tolerance] : {std::pair(DType::Float64, 1e-13), std::pair(DType::Float32, 2e-6)}) {
    check("adam", {.kind = "adam", .eps = 1e-2, .weight_decay = 0.03}, dtype, tolerance);
    check("adam_legacy", {.kind = "adam", .eps = 1e-2, .legacy_eps = true, .weight_decay = 0.03}, dtype, tolerance);
    check("adamw", {.kind = "adamw", .eps = 1e-2, .weight_decay = 0.3}, dtype, tolerance);
    check("sgd", {.kind = "sgd", .momentum = 0, .weight_decay = 0.03}, dtype, tolerance);
    check("sgd_momentum", {.kind = "sgd", .momentum = 0.9, .weight_decay = 0.03}, dtype, tolerance);
    check("sgd_nesterov", {.kind = "sgd", .momentum = 0.9, .nesterov = true, .weight_decay = 0.03}, dtype, tolerance);
  }
}

TEST_CASE("schedules equal PyTorch's", "[optim][golden]") {
  const std::vector<double> cosine = find(goldens(), "schedule.cosine").to_vector<double>();
  const Schedule c{.kind = ScheduleKind::Cosine, .lr = 0.1, .final_lr = 0.001, .total_steps = 20};
  for (std::size_t t = 0; t < cosine.size(); ++t)
    CHECK(c.at(static_cast<std::int64_t>(t)) == Approx(cosine[t]).epsilon(1e-12));
  CHECK(c.at(50) == Approx(0.001));  // stays there
  const std::vector<double> steps = find(goldens(), "schedule.step").to_vector<double>();
  const Schedule s{.kind = ScheduleKind::Step, .lr = 0.1, .milestones = {4, 9}, .gamma = 0.3};
  for (std::size_t t = 0; t < steps.size(); ++t)
    CHECK(s.at(static_cast<std::int64_t>(t)) == Approx(steps[t]).epsilon(1e-12));
}

TEST_CASE("warm-up rises to lr, then the schedule runs", "[optim]") {
  for (const ScheduleKind kind : {ScheduleKind::Constant, ScheduleKind::Cosine}) {
    const Schedule s{.kind = kind, .lr = 0.8, .total_steps = 20, .warmup_steps = 4};
    CHECK(s.at(0) == Approx(0.2));
    CHECK(s.at(1) == Approx(0.4));
    CHECK(s.at(3) == Approx(0.8));
    CHECK(s.at(4) == Approx(0.8));
    CHECK(s.at(12) == Approx(kind == ScheduleKind::Cosine ? 0.4 : 0.8));  // half way of the 16 steps after it
    CHECK(s.at(20) == Approx(kind == ScheduleKind::Cosine ? 0.0 : 0.8).margin(1e-15));
  }
}
