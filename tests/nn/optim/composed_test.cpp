// An optimiser of one's own, composed of tensor ops and added to the registry: SGD with momentum, against the built-in
// one. On the CPU, and on a GPU where there is one.
#include <catch2/catch.hpp>
#include <cmath>

#include "kernels/api/backend.h"
#include "nn/optim/composed.h"
#include "nn/optim/registry.h"
#include "tensor/creation.h"
#include "tensor/ops/eltwise.h"
#include "tensor/random.h"

using namespace fledge;

namespace {

class HeavyBall : public Optimizer {
 public:
  HeavyBall(const std::vector<ParameterGroup>& groups, const OptimizerOptions& options)
      : Optimizer(groups, options, {{"ball"}}) {}

 private:
  std::vector<double> rates(double lr, std::int64_t) const override { return {lr, 1}; }
  void make_step(const std::vector<StepTensor>& tensors, const StepNumbers& numbers) const override {
    std::vector<StepTensor> weights, balls;
    for (const StepTensor& t : tensors) {
      const Tensor& ball = t.moments[0];
      const Tensor g = add(clipped(t.grad, numbers), affine(t.w, t.weight_decay, 0));
      const Tensor next = add(affine(ball, options().momentum, 0), g);
      weights.push_back({t.w, next, {}, t.lr_scale});
      balls.push_back({ball, sub(ball, next), {}});
    }
    move_against(weights, numbers);
    move_against(balls, numbers, 1);
  }
};

void add_once() {
  static const bool added = [] {
    register_optimizer({"heavy-ball", {"momentum"}, false, [](const auto& groups, const OptimizerOptions& options) {
                          return std::make_unique<HeavyBall>(groups, options);
                        }});
    return true;
  }();
  (void)added;
}

struct Run {
  std::vector<float> weights, moment;
  std::vector<std::string> names;
};

/// Four steps; with `spoil` the last sees a gradient that is infinite.
Run run(const std::string& kind, Device device, double max_norm, bool spoil = false) {
  Generator g(3);
  const Variable p(rand_normal({9, 7}, g).to(device), true);
  const auto optimizer = make_optimizer({{"g", {{"p", p}}, 0.5}}, {.kind = kind, .momentum = 0.8, .weight_decay = 0.1});
  for (int t = 0; t < 4 + spoil; ++t) {
    Tensor grad = rand_normal({9, 7}, g);
    if (t == 4) grad.fill(INFINITY);
    Variable(p).set_grad(grad.to(device));
    optimizer->update({optimizer->next_rates(0.1).to(device), optimizer->gradient_norm(), max_norm});
    optimizer->count_update();
  }
  Run result{p.value().to_vector<float>(), {}, {}};
  for (const auto& [name, tensor] : optimizer->state()) {
    if (result.moment.empty()) result.moment = tensor.to_vector<float>();
    result.names.push_back(name);
  }
  return result;
}

void check_near(const std::vector<float>& a, const std::vector<float>& b) {
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) CHECK(std::abs(a[i] - b[i]) < 2e-6);
}

}  // namespace

TEST_CASE("an optimiser composed of tensor ops steps as one with a kernel", "[optim][device]") {
  add_once();
  std::vector<Device> devices = {Device{}};
  if (gpu_module().backend) devices.push_back({Device::Type::GPU, 0});
  for (Device device : devices)
    for (double max_norm : {0.0, 1.0, 100.0}) {
      INFO(to_string(device) << " max norm " << max_norm);
      const Run own = run("heavy-ball", device, max_norm), built_in = run("sgd", device, max_norm);
      check_near(own.weights, built_in.weights);
      check_near(own.moment, built_in.moment);
      CHECK(own.names == std::vector<std::string>{"ball.p", "step.p"});
      const Run spoilt = run("heavy-ball", device, max_norm, true);
      CHECK(spoilt.weights == own.weights);
      CHECK(spoilt.moment == own.moment);
    }
}

TEST_CASE("a name of the registry is there once", "[optim]") {
  add_once();
  CHECK(optimizer_registry().back().name == "heavy-ball");
  CHECK_THROWS_WITH(register_optimizer({"adam", {}, false, nullptr}), Catch::Contains("'adam' already"));
  CHECK_THROWS_WITH(make_optimizer({}, {.kind = "heavyball"}), Catch::Contains("did you mean 'heavy-ball'?"));
}
