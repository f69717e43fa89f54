// Groups, saved state and gradient clipping of the optimisers.
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "nn/optim/registry.h"
#include "tensor/creation.h"
#include "tensor/random.h"

using namespace fledge;
using Catch::Contains;

namespace {

Variable parameter(const Dims& dims, std::uint64_t seed, Layout layout = Layout::Contiguous) {
  Generator g(seed);
  return Variable(rand_normal(dims, g, 0, 1, DType::Float32, layout), true);
}

std::vector<ParameterGroup> two_groups() {
  return {
      {"backbone", {{"conv.weight", parameter({4, 3, 3, 3}, 1, Layout::ChannelsLast)}, {"frozen", parameter({2}, 3)}}},
      {"head", {{"feat.weight", parameter({5, 4}, 2)}}, 10.0, false}};
}

/// Gradients that are a function of the step alone; "frozen" never gets one.
void fill_gradients(const std::vector<ParameterGroup>& groups, int t) {
  for (const ParameterGroup& group : groups)
    for (const auto& [name, v] : group.parameters) {
      Variable p = v;
      Generator g = Generator::of({static_cast<std::uint64_t>(t), name.size()});
      if (name != "frozen") p.set_grad(rand_normal(p.dims(), g));
    }
}

std::vector<std::vector<float>> values(const std::vector<ParameterGroup>& groups) {
  std::vector<std::vector<float>> out;
  for (const ParameterGroup& group : groups)
    for (const auto& named : group.parameters) out.push_back(named.second.value().to_vector<float>());
  return out;
}

/// An optimiser and its parameters.
struct Learning {
  std::vector<ParameterGroup> groups = two_groups();
  std::unique_ptr<Optimizer> optimizer;

  explicit Learning(const OptimizerOptions& options) : optimizer(make_optimizer(groups, options)) {}
  void run(int from, int to) {
    for (int t = from; t < to; ++t) {
      fill_gradients(groups, t);
      optimizer->step(0.01);
    }
  }
};

std::vector<OptimizerOptions> kinds() {
  return {{.kind = "sgd", .momentum = 0.9, .nesterov = true, .weight_decay = 0.01},
          {.kind = "sgd", .momentum = 0},
          {.kind = "adam", .weight_decay = 0.01},
          {.kind = "adamw", .weight_decay = 0.01}};
}

}  // namespace

TEST_CASE("a restored optimiser goes on bit for bit", "[optim][state]") {
  for (const OptimizerOptions& options : kinds()) {
    INFO(options.kind << " momentum " << options.momentum);
    Learning straight(options), first(options), resumed(options);
    straight.run(0, 8);
    first.run(0, 5);
    const NamedTensors state = first.optimizer->state();
    first.run(20, 22);  // a taken state does not change with later steps
    resumed.run(0, 5);  // brings the weights to step 5
    resumed.optimizer = make_optimizer(resumed.groups, options);
    resumed.optimizer->load_state(state);
    resumed.run(5, 8);
    CHECK(values(resumed.groups) == values(straight.groups));
  }
}

TEST_CASE("state names", "[optim][state]") {
  const auto names = [](const OptimizerOptions& options) {
    Learning learning(options);
    CHECK(learning.optimizer->state().empty());
    learning.run(0, 1);
    std::string all;
    for (const auto& named : learning.optimizer->state()) all += named.first + " ";
    return all;
  };
  CHECK(names({.kind = "adam"}) ==
        "exp_avg.conv.weight exp_avg_sq.conv.weight step.conv.weight exp_avg.feat.weight exp_avg_sq.feat.weight "
        "step.feat.weight ");
  CHECK(names({.kind = "sgd"}) == "momentum.conv.weight step.conv.weight momentum.feat.weight step.feat.weight ");
}

TEST_CASE("a state that does not fit is refused and changes nothing", "[optim][state]") {
  Learning source({.kind = "adam"});
  source.run(0, 2);
  const NamedTensors good = source.optimizer->state();
  const auto target = make_optimizer(two_groups(), {.kind = "adam"});
  const auto refused = [&](const NamedTensors& state, const std::string& text) {
    try {
      target->load_state(state);
      FAIL("accepted");
    } catch (const Error& e) {
      CHECK(e.kind() == ErrorKind::BadInput);
      CHECK_THAT(e.what(), Contains(text));
    }
    CHECK(target->state().empty());
  };
  NamedTensors bad = good;
  bad.erase(bad.begin());
  refused(bad, "'exp_avg.conv.weight' is missing");
  bad = good;
  bad.emplace_back("exp_avg.other", zeros({2}));
  refused(bad, "'exp_avg.other' has no place");
  bad = good;
  bad.push_back(good[0]);
  refused(bad, "occurs twice");
  bad = good;
  bad[0].second = zeros({4, 3, 1, 1});
  refused(bad, "'exp_avg.conv.weight' is 4x3x1x1");
  bad = good;
  bad[2].second = scalar(0, DType::Int64);
  refused(bad, "step.conv.weight");
  Learning sgd({.kind = "sgd"});
  sgd.run(0, 1);
  refused(sgd.optimizer->state(), "missing");
}

TEST_CASE("groups have their own rate and decay", "[optim]") {
  const auto step = [](double scale, bool decay) {
    const Variable p(full({3}, 2.0), true);
    Variable(p).set_grad(ones({3}));
    make_optimizer({{"g", {{"p", p}}, scale, decay}}, {.kind = "sgd", .momentum = 0, .weight_decay = 0.5})->step(0.1);
    return p.value().to_vector<float>()[1];
  };
  CHECK(step(1, true) == Approx(2 - 0.1 * (1 + 0.5 * 2)));
  CHECK(step(10, true) == Approx(2 - 1.0 * (1 + 0.5 * 2)));
  CHECK(step(1, false) == Approx(2 - 0.1));
  CHECK(step(0, true) == 2);
}

TEST_CASE("a parameter without a gradient is left alone", "[optim]") {
  Learning learning({.kind = "adamw", .weight_decay = 0.5});
  const Variable& frozen = learning.groups[0].parameters[1].second;
  const std::vector<float> before = frozen.value().to_vector<float>();
  learning.run(0, 3);
  CHECK(frozen.value().to_vector<float>() == before);
}

TEST_CASE("an update is seen by whoever saved the weight", "[optim]") {
  const Variable p = parameter({3}, 1);
  const std::uint64_t version = p.value().version();
  Variable(p).set_grad(ones({3}));
  make_optimizer({{"g", {{"p", p}}}}, {.kind = "adam"})->step(0.1);
  CHECK(p.value().version() > version);
}

TEST_CASE("wrong options and groups are refused", "[optim]") {
  const Variable p = parameter({2}, 1);
  const auto make = [&](const OptimizerOptions& o) { return make_optimizer({{"g", {{"p", p}}}}, o); };
  CHECK_THROWS_WITH(make({.kind = "adamm"}), Contains("did you mean 'adam'?"));
  CHECK_THROWS_WITH(make({.beta2 = 1}), Contains("beta"));
  CHECK_THROWS_WITH(make({.kind = "sgd", .momentum = 0, .nesterov = true}), Contains("nesterov"));
  CHECK_THROWS_WITH(make({.kind = "adam", .nesterov = true}), Contains("nesterov needs sgd"));
  CHECK_THROWS_WITH(make({.weight_decay = -1}), Contains("decay"));
  CHECK_THROWS_WITH(make_optimizer({{"g", {{"p", p}, {"p", parameter({2}, 2)}}}}, {}), Contains("occurs twice"));
  CHECK_THROWS_WITH(make_optimizer({{"g", {{"p", p}}}, {"h", {{"q", p}}}}, {}), Contains("two places"));
}

TEST_CASE("gradients are scaled by one factor where their norm is too large", "[optim]") {
  const Variable none = parameter({1}, 3);
  const Tensor shared = from_vector(std::vector<float>{3, 0}, {2});
  const auto stepped = [&](double max_norm, double last) {
    const Variable a(zeros({2}), true), b(zeros({1}), true);
    Variable(a).set_grad(shared);
    Variable(b).set_grad(full({1}, last));
    const auto optimizer =
        make_optimizer({{"g", {{"a", a}, {"none", none}}}, {"h", {{"b", b}}}}, {.kind = "sgd", .momentum = 0});
    const Tensor norm = optimizer->gradient_norm();
    CHECK((norm.item() == 5 || !std::isfinite(last)));
    optimizer->step(1, norm, max_norm);
    return std::pair(a.value().to_vector<float>()[0], b.value().to_vector<float>()[0]);
  };
  CHECK(stepped(0, 4) == std::pair(-3.f, -4.f));
  CHECK(stepped(6, 4) == std::pair(-3.f, -4.f));
  CHECK(stepped(1, 4).first == Approx(-0.6));
  CHECK(stepped(1, 4).second == Approx(-0.8));
  CHECK(stepped(1, std::numeric_limits<double>::quiet_NaN()) == std::pair(0.f, 0.f));
  CHECK(shared.to_vector<float>()[0] == 3);  // memory that others may hold is not written
  CHECK_FALSE(none.grad().defined());
}

TEST_CASE("a norm shows what is not finite elsewhere", "[optim]") {
  const Variable p(zeros({2}), true);
  Variable(p).set_grad(from_vector(std::vector<float>{3, 4}, {2}));
  const auto optimizer = make_optimizer({{"g", {{"p", p}}}}, {});
  CHECK(optimizer->gradient_norm(scalar(7)).item() == 5);
  CHECK_FALSE(std::isfinite(optimizer->gradient_norm(scalar(std::numeric_limits<double>::infinity())).item()));
}
