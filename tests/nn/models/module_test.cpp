// Modules: names, modes, state dicts and the strict way back.
#include <catch2/catch.hpp>
#include <cmath>

#include "nn/init.h"
#include "nn/layers/conv.h"
#include "nn/layers/linear.h"
#include "nn/layers/norm.h"
#include "nn/models/model.h"
#include "nn/state_dict.h"
#include "tensor/creation.h"
#include "tests/nn/models/golden.h"

using namespace fledge;
using Catch::Matchers::Contains;

namespace {

struct Inner : Module {
  explicit Inner(Generator& g) {
    conv = child<Conv2d>("conv", conv_options(2, 3, 3, 1, 1), g);
    bn = child<BatchNorm2d>("bn", 3);
  }
  std::shared_ptr<Conv2d> conv;
  std::shared_ptr<BatchNorm2d> bn;
};

struct Outer : Module {
  explicit Outer(Generator& g) {
    inner = child<Inner>("", g);
    head = child<Linear>("feat", 3, 2, g, true);
    parameter("scale", ones({1}));
  }
  void twice() { parameter("scale", ones({1})); }
  void child_over_parameter() { add_child("scale", inner); }
  std::shared_ptr<Inner> inner;
  std::shared_ptr<Linear> head;
};

std::vector<std::string> names_of(const NamedTensors& tensors) {
  std::vector<std::string> names;
  for (const auto& [name, t] : tensors) names.push_back(name);
  return names;
}

/// state_dict shares storage with the module: what a test keeps must be copied.
NamedTensors copy_of(const NamedTensors& tensors) {
  NamedTensors copy;
  for (const auto& [name, t] : tensors) copy.emplace_back(name, t.clone());
  return copy;
}

NamedTensors with_prefix(const std::string& prefix, const NamedTensors& tensors) {
  NamedTensors renamed;
  for (const auto& [name, t] : tensors) renamed.emplace_back(prefix + name, t);
  return renamed;
}

std::string message_of(Module& module, const NamedTensors& tensors, const LoadOptions& options = {}) {
  try {
    load_state_dict(module, tensors, options);
  } catch (const Error& e) {
    CHECK(e.kind() == ErrorKind::BadInput);
    return e.what();
  }
  return "loaded";
}

}  // namespace

TEST_CASE("a child without a name is spliced in, and the state dict has PyTorch's order") {
  Generator g(1);
  Outer m(g);
  CHECK(names_of(state_dict(m)) == std::vector<std::string>{"scale", "conv.weight", "bn.weight", "bn.bias",
                                                            "bn.running_mean", "bn.running_var",
                                                            "bn.num_batches_tracked", "feat.weight", "feat.bias"});
  std::vector<std::string> parameters;
  for (const auto& [name, p] : m.named_parameters("net")) parameters.push_back(name);
  CHECK(parameters == std::vector<std::string>{"net.scale", "net.conv.weight", "net.bn.weight", "net.bn.bias",
                                               "net.feat.weight", "net.feat.bias"});
  CHECK(m.parameter_count() == 1 + 54 + 6 + 8);
  CHECK_THROWS_AS(m.twice(), Error);
  CHECK_THROWS_AS(m.child_over_parameter(), Error);
}

TEST_CASE("modes, freezing and gradients reach every module below") {
  Generator g(1);
  Outer m(g);
  CHECK(m.inner->bn->is_training());
  m.eval();
  CHECK_FALSE(m.inner->bn->is_training());
  m.set_requires_grad(false);
  for (const Variable& p : m.parameters()) CHECK_FALSE(p.requires_grad());
  m.set_requires_grad(true);
  for (Variable& p : m.parameters()) p.set_grad(ones_like(p.value()));
  m.zero_grad();
  for (const Variable& p : m.parameters()) CHECK_FALSE(p.grad().defined());
}

TEST_CASE("batch norm counts batches and moves its statistics only when training and not frozen") {
  BatchNorm2d bn(2);
  const Variable x(from_vector(std::vector<float>{1, 2, 3, 4, -1, -2, -3, -4}, {1, 2, 2, 2}));
  const auto batches = [&] { return test::find(state_dict(bn), "num_batches_tracked").item(); };
  bn.forward(x);
  CHECK(batches() == 1);
  CHECK(bn.running_mean().to_vector<double>()[0] == Approx(0.25).epsilon(1e-6));                // 0.1 * 2.5
  CHECK(bn.running_var().to_vector<double>()[1] == Approx(0.9 + 0.1 * 5.0 / 3).epsilon(1e-6));  // the unbiased variance
  const std::vector<double> mean = bn.running_mean().to_vector<double>();
  bn.freeze_statistics(true);
  bn.forward(x);
  bn.freeze_statistics(false);
  bn.eval();
  bn.forward(x);
  CHECK(batches() == 1);
  CHECK(bn.running_mean().to_vector<double>() == mean);
  bn.train();
  bn.forward(x);
  CHECK(batches() == 2);
}

TEST_CASE("a state dict goes into a fresh module, also under DataParallel's and the paper's prefixes") {
  const std::string prefix = GENERATE("", "module.", "base.", "module.base.");
  Generator g(1), h(2);
  Outer from(g), to(h);
  from.inner->bn->forward(Variable(ones({2, 3, 1, 1})));
  const LoadReport report = load_state_dict(to, with_prefix(prefix, state_dict(from)));
  CHECK(report.loaded.size() == 9);
  const NamedTensors a = state_dict(from), b = state_dict(to);
  for (std::size_t i = 0; i < a.size(); ++i) {
    INFO(a[i].first);
    CHECK(a[i].second.to_vector<double>() == b[i].second.to_vector<double>());
    CHECK_FALSE(a[i].second.shares_storage_with(b[i].second));
  }
}

TEST_CASE("loading converts the dtype and raises the version, so that packed weights are made again") {
  Generator g(1);
  Linear to(2, 2, g);
  const std::uint64_t before = to.weight().value().version();
  load_state_dict(
      to, {{"weight", from_vector(std::vector<double>{1, 2, 3, 4}, {2, 2})}, {"bias", zeros({2}, DType::Float64)}});
  CHECK(to.weight().value().dtype() == DType::Float32);
  CHECK(to.weight().value().to_vector<double>() == std::vector<double>{1, 2, 3, 4});
  CHECK(to.weight().value().version() > before);
}

TEST_CASE("a state dict that does not fit is refused whole, and the message names what is wrong") {
  Generator g(1), h(2);
  Outer from(g), to(h);
  const NamedTensors before = copy_of(state_dict(to));
  NamedTensors file = state_dict(from);
  SECTION("missing, unless allowed") {
    file.erase(file.begin() + 7, file.end());  // feat.*
    CHECK_THAT(message_of(to, file),
               Contains("2 of the model's tensors are missing") && Contains("feat.weight, feat.bias"));
    const LoadReport report = load_state_dict(from, file, {.may_miss = {"feat."}});
    CHECK(report.missing == std::vector<std::string>{"feat.weight", "feat.bias"});
  }
  SECTION("unexpected, unless allowed, with and without the prefix") {
    file.emplace_back("base.fc.weight", zeros({2, 2}));
    CHECK_THAT(message_of(to, file), Contains("1 of the file's tensors have no place") && Contains("base.fc.weight"));
    const LoadReport report = load_state_dict(from, file, {.may_ignore = {"fc."}});
    CHECK(report.unexpected == std::vector<std::string>{"base.fc.weight"});
    CHECK_NOTHROW(load_state_dict(from, file, {.may_ignore = {"base.fc."}}));
  }
  SECTION("another shape") {
    file[1].second = zeros({3, 2, 1, 1});
    CHECK_THAT(message_of(to, file), Contains("conv.weight: file 3x2x1x1, model 3x2x3x3"));
  }
  SECTION("same number of elements, other shape") {
    file[7].second = zeros({3, 2});
    CHECK_THAT(message_of(to, file), Contains("feat.weight: file 3x2, model 2x3"));
  }
  SECTION("twice") {
    file.emplace_back("module.scale", ones({1}));
    CHECK_THAT(message_of(to, file), Contains("occur twice (module.scale)"));
  }
  SECTION("batch counters may always miss") {
    file.erase(file.begin() + 6);
    CHECK(load_state_dict(from, file).missing == std::vector<std::string>{"bn.num_batches_tracked"});
  }
  const NamedTensors after = state_dict(to);
  for (std::size_t i = 0; i < after.size(); ++i)
    CHECK(after[i].second.to_vector<double>() == before[i].second.to_vector<double>());
}

TEST_CASE("conversion to float64 keeps values and counters") {
  Generator g(1);
  Outer m(g);
  const std::vector<double> weight = m.inner->conv->weight().value().to_vector<double>();
  m.to(DType::Float64);
  CHECK(m.inner->conv->weight().value().dtype() == DType::Float64);
  CHECK(m.inner->conv->weight().value().to_vector<double>() == weight);
  CHECK(m.inner->bn->running_var().dtype() == DType::Float64);
  CHECK(test::find(state_dict(m), "bn.num_batches_tracked").dtype() == DType::Int64);
  CHECK(m.inner->conv->weight().requires_grad());
  CHECK_THROWS_AS(m.to(DType::Int32), Error);
}

TEST_CASE("initial values have the spread of PyTorch's") {
  Generator g(3);
  const auto spread = [](const Tensor& t) {
    double square = 0, high = 0;
    for (double v : t.to_vector<double>()) square += v * v, high = std::max(high, std::abs(v));
    return std::pair(std::sqrt(square / static_cast<double>(t.numel())), high);
  };
  CHECK(spread(kaiming_normal({64, 32, 3, 3}, FanMode::Out, g)).first ==
        Approx(std::sqrt(2.0 / (64 * 9))).epsilon(0.02));
  CHECK(spread(kaiming_normal({64, 32, 3, 3}, FanMode::In, g)).first ==
        Approx(std::sqrt(2.0 / (32 * 9))).epsilon(0.02));
  CHECK(spread(kaiming_normal({128, 100}, FanMode::Out, g)).first == Approx(0.125).epsilon(0.02));
  CHECK(kaiming_normal({4, 3, 3, 3}, FanMode::Out, g).is_channels_last());
  const auto [rms, high] = spread(default_uniform({100, 64}, 64, g));
  CHECK(high <= 0.125);
  CHECK(high > 0.124);
  CHECK(rms == Approx(0.125 / std::sqrt(3.0)).epsilon(0.02));
  CHECK_THROWS_AS(kaiming_normal({3}, FanMode::Out, g), Error);
}

TEST_CASE("the embedding head starts as the paper's: Kaiming normal of fan out, bias 0") {
  Generator g(4);
  Linear head(256, 512, g, true);
  double square = 0;
  for (double v : head.weight().value().to_vector<double>()) square += v * v;
  CHECK(std::sqrt(square / (256 * 512)) == Approx(0.0625).epsilon(0.01));
  for (double v : head.bias().value().to_vector<double>()) CHECK(v == 0);
}
