// Groups, saved state and gradient clipping of the optimisers.
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "nn/optim/optimizer.h"
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

void run(Optimizer& optimizer, int from, int to) {
  for (int t = from; t < to; ++t) {
    fill_gradients(optimizer.groups(), t);
    optimizer.step(0.01);
  }
}

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
    const auto straight_groups = two_groups(), split_groups = two_groups();
    Optimizer straight(straight_groups, options);
    run(straight, 0, 8);

    Optimizer first(split_groups, options);
    run(first, 0, 5);
    const NamedTensors state = first.state();
    run(first, 20, 22);  // a taken state does not change with later steps
    const auto resumed_groups = two_groups();
    Optimizer replay(resumed_groups, options);
    run(replay, 0, 5);  // brings the weights to step 5
    Optimizer resumed(resumed_groups, options);
    resumed.load_state(state);
    run(resumed, 5, 8);
    CHECK(values(resumed_groups) == values(straight_groups));
  }
}

TEST_CASE("state names", "[optim][state]") {
  const auto names = [](const OptimizerOptions& options) {
    Optimizer optimizer(two_groups(), options);
    CHECK(optimizer.state().empty());
    run(optimizer, 0, 1);
    std::string all;
    for (const auto& named : optimizer.state()) all += named.first + " ";
    return all;
  };
  CHECK(names({.kind = "adam"}) ==
        "exp_avg.conv.weight exp_avg_sq.conv.weight step.conv.weight exp_avg.feat.weight exp_avg_sq.feat.weight "
        "step.feat.weight ");
  CHECK(names({.kind = "sgd"}) == "momentum.conv.weight step.conv.weight momentum.feat.weight step.feat.weight ");
}

TEST_CASE("a state that does not fit is refused and changes nothing", "[optim][state]") {
  Optimizer source(two_groups(), {.kind = "adam"});
  run(source, 0, 2);
  const NamedTensors good = source.state();
  Optimizer target(two_groups(), {.kind = "adam"});
  const auto refused = [&](const NamedTensors& state, const std::string& text) {
    try {
      target.load_state(state);
      FAIL("accepted");
    } catch (const Error& e) {
      CHECK(e.kind() == ErrorKind::BadInput);
      CHECK_THAT(e.what(), Contains(text));
    }
    CHECK(target.state().empty());
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
  Optimizer sgd(two_groups(), {.kind = "sgd"});
  run(sgd, 0, 1);
  refused(sgd.state(), "missing");
}

TEST_CASE("groups have their own rate and decay", "[optim]") {
  const auto step = [](double scale, bool decay) {
    const Variable p(full({3}, 2.0), true);
    Variable(p).set_grad(ones({3}));
    Optimizer optimizer({{"g", {{"p", p}}, scale, decay}}, {.kind = "sgd", .momentum = 0, .weight_decay = 0.5});
    optimizer.step(0.1);
    return p.value().to_vector<float>()[1];
  };
  CHECK(step(1, true) == Approx(2 - 0.1 * (1 + 0.5 * 2)));
  CHECK(step(10, true) == Approx(2 - 1.0 * (1 + 0.5 * 2)));
  CHECK(step(1, false) == Approx(2 - 0.1));
  CHECK(step(0, true) == 2);
}

TEST_CASE("a parameter without a gradient is left alone", "[optim]") {
  const auto groups = two_groups();
  const std::vector<float> before = groups[0].parameters[1].second.value().to_vector<float>();
  Optimizer optimizer(groups, {.kind = "adamw", .weight_decay = 0.5});
  run(optimizer, 0, 3);
  CHECK(groups[0].parameters[1].second.value().to_vector<float>() == before);
}

TEST_CASE("an update is seen by whoever saved the weight", "[optim]") {
  const Variable p = parameter({3}, 1);
  const std::uint64_t version = p.value().version();
  Variable(p).set_grad(ones({3}));
  Optimizer({{"g", {{"p", p}}}}, {.kind = "adam"}).step(0.1);
  CHECK(p.value().version() > version);
}

TEST_CASE("wrong options and groups are refused", "[optim]") {
  const Variable p = parameter({2}, 1);
  const auto make = [&](const OptimizerOptions& o) { return Optimizer({{"g", {{"p", p}}}}, o); };
  CHECK_THROWS_WITH(make({.kind = "adamm"}), Contains("did you mean 'adam'?"));
  CHECK_THROWS_WITH(make({.beta2 = 1}), Contains("beta"));
  CHECK_THROWS_WITH(make({.kind = "sgd", .momentum = 0, .nesterov = true}), Contains("nesterov"));
  CHECK_THROWS_WITH(make({.weight_decay = -1}), Contains("decay"));
  CHECK_THROWS_WITH(Optimizer({{"g", {{"p", p}, {"p", parameter({2}, 2)}}}}, {}), Contains("occurs twice"));
  CHECK_THROWS_WITH(Optimizer({{"g", {{"p", p}}}, {"h", {{"q", p}}}}, {}), Contains("two places"));
}

TEST_CASE("gradient clipping scales all gradients by one factor", "[optim]") {
  const Variable a = parameter({2}, 1), b = parameter({1}, 2), none = parameter({1}, 3);
  const std::vector<ParameterGroup> groups = {{"g", {{"a", a}, {"none", none}}}, {"h", {{"b", b}}}};
  const Tensor shared = from_vector(std::vector<float>{3, 0}, {2});
  const auto reset = [&] {
    Variable(a).set_grad(shared);
    Variable(b).set_grad(from_vector(std::vector<float>{4}, {1}));
  };
  reset();
  CHECK(clip_grad_norm(groups, 0) == 5);
  CHECK(clip_grad_norm(groups, 6) == 5);
  CHECK(a.grad().to_vector<float>()[0] == 3);
  CHECK(clip_grad_norm(groups, 1) == 5);
  CHECK(a.grad().to_vector<float>()[0] == Approx(0.6));
  CHECK(b.grad().to_vector<float>()[0] == Approx(0.8));
  CHECK(shared.to_vector<float>()[0] == 3);  // memory that others may hold is not written
  CHECK_FALSE(none.grad().defined());
  reset();
  Variable(b).set_grad(full({1}, std::numeric_limits<double>::quiet_NaN()));
  CHECK(std::isnan(clip_grad_norm(groups, 1)));
  CHECK(a.grad().to_vector<float>()[0] == 3);
}
