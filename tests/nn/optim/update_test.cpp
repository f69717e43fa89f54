// Optimizer::step and its parts, on the CPU, and on a GPU where there is one.
#include <catch2/catch.hpp>
#include <cmath>

#include "kernels/api/backend.h"
#include "nn/optim/registry.h"
#include "tensor/creation.h"
#include "tensor/random.h"

using namespace fledge;

namespace {

struct Problem {
  std::vector<ParameterGroup> groups;
  std::vector<Tensor> gradients;

  Problem(Device device, std::uint64_t seed) {
    Generator g(seed);
    groups = {{"matrices", {}, 1.0, true}, {"vectors", {}, 0.5, false}};
    const std::vector<Dims> sizes = {{8, 3, 3, 3}, {70, 33}, {129}, {1}};
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      const Layout layout = sizes[i].rank() == 4 ? Layout::ChannelsLast : Layout::Contiguous;
      const Variable p(rand_normal(sizes[i], g, 0, 1, DType::Float32, layout).to(device), true);
      groups[sizes[i].rank() > 1 ? 0 : 1].parameters.emplace_back("p" + std::to_string(i), p);
    }
  }
  /// The same gradients for every problem of one seed.
  void give_gradients(std::uint64_t seed) {
    Generator g(seed);
    for (auto& group : groups)
      for (auto& [name, p] : group.parameters) {
        Variable v = p;
        const Layout layout = p.dims().rank() == 4 ? Layout::ChannelsLast : Layout::Contiguous;
        v.set_grad(rand_normal(p.dims(), g, 0, 1, DType::Float32, layout).to(p.value().device()));
      }
  }
  std::vector<float> values() const {
    std::vector<float> all;
    for (const auto& group : groups)
      for (const auto& named : group.parameters)
        for (float v : named.second.value().to_vector<float>()) all.push_back(v);
    return all;
  }
};

std::vector<OptimizerOptions> all_options() {
  std::vector<OptimizerOptions> all(7);
  all[0].kind = "sgd", all[0].momentum = 0;
  all[1].kind = "sgd", all[1].weight_decay = 0.1;
  all[2].kind = "sgd", all[2].nesterov = true;
  all[3].kind = "adam";
  all[4].kind = "adam", all[4].legacy_eps = true, all[4].eps = 1e-3;
  all[5].kind = "adam", all[5].weight_decay = 0.1;
  all[6].kind = "adamw", all[6].weight_decay = 0.1;
  return all;
}

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  REQUIRE(a.size() == b.size());
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i) worst = std::max(worst, std::fabs(static_cast<double>(a[i]) - b[i]));
  return worst;
}

std::vector<Device> devices() {
  std::vector<Device> all = {Device{}};
  if (gpu_module().backend) all.push_back({Device::Type::GPU, 0});
  return all;
}

}  // namespace

TEST_CASE("the parts of a step are the step, on every device", "[optim][device]") {
  for (Device device : devices())
    for (const OptimizerOptions& options : all_options())
      for (double clip : {0.0, 1.0}) {
        INFO(to_string(device) << " " << options.kind << " clip " << clip);
        Problem expected(Device{}, 5), problem(device, 5);
        const auto whole = make_optimizer(expected.groups, options), parts = make_optimizer(problem.groups, options);
        for (std::uint64_t i = 0; i < 4; ++i) {
          const double lr = 0.1 / static_cast<double>(i + 1);
          expected.give_gradients(i), problem.give_gradients(i);
          const Tensor norm = whole->gradient_norm(), measured = parts->gradient_norm();
          whole->step(lr, norm, clip);
          CHECK(measured.item() == Approx(norm.item()).epsilon(1e-12));
          parts->update({parts->next_rates(lr).to(device), measured, clip});
          parts->count_update();
        }
        CHECK(largest_difference(problem.values(), expected.values()) <= (device == Device{} ? 0 : 2e-6));
        CHECK(largest_difference(Problem(Device{}, 5).values(), expected.values()) > 1e-3);  // something happened
        const NamedTensors state = parts->state();
        CHECK(state.size() == whole->state().size());
        for (const auto& [name, tensor] : state) CHECK(tensor.device() == Device{});
      }
}

TEST_CASE("a norm that is not finite leaves weights and moments alone", "[optim][device]") {
  for (Device device : devices())
    for (const std::string kind : {"sgd", "adam"}) {
      INFO(to_string(device) << " " << kind);
      OptimizerOptions options;
      options.kind = kind;
      Problem problem(device, 6);
      const auto optimizer = make_optimizer(problem.groups, options);
      problem.give_gradients(1);
      optimizer->step(0.1, optimizer->gradient_norm());
      const auto before = problem.values();
      const NamedTensors moments = optimizer->state();
      problem.groups[0].parameters[1].second.grad().fill(INFINITY);
      const Tensor norm = optimizer->gradient_norm();
      CHECK_FALSE(std::isfinite(norm.item()));
      optimizer->update({optimizer->next_rates(0.1), norm});
      CHECK(problem.values() == before);
      const NamedTensors after = optimizer->state();
      for (std::size_t i = 0; i < moments.size(); ++i)
        CHECK(after[i].second.to_vector<float>() == moments[i].second.to_vector<float>());
    }
}

TEST_CASE("parameters on two devices are clipped and updated as one", "[optim][device]") {
  if (devices().size() < 2) return;  // said by other tests
  Problem expected(Device{}, 7), mixed(devices()[1], 7);
  Variable last = mixed.groups[1].parameters[0].second;
  last.set_value(last.value().to(Device{}));
  const auto one = make_optimizer(expected.groups, {}), two = make_optimizer(mixed.groups, {});
  expected.give_gradients(3), mixed.give_gradients(3);
  one->step(0.1, one->gradient_norm(), 0.5);
  two->step(0.1, two->gradient_norm(), 0.5);
  CHECK(largest_difference(mixed.values(), expected.values()) < 2e-6);
}
