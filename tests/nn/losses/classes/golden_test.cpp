// Losses with parameters per class, and the margin loss, against pytorch-metric-learning in float64: values and
// gradients of embeddings, proxies and beta (tests/golden/make_class_losses.py).
#include <catch2/catch.hpp>

#include "autograd/ops/distance.h"
#include "autograd/ops/eltwise.h"
#include "nn/losses/classes/angular_margin.h"
#include "nn/losses/classes/classification.h"
#include "nn/losses/classes/proxies.h"
#include "nn/losses/pairs/margin.h"
#include "tensor/creation.h"
#include "tests/nn/models/golden.h"

using namespace fledge;
using namespace fledge::test;

namespace {

using Leaves = std::vector<std::pair<std::string, Variable>>;  // name in the file -> leaf

Tensor golden(const std::string& name) {
  static const NamedTensors file = golden_file("class_losses.safetensors");
  return find(file, name);
}

/// Loss value and gradients to `tolerance` of their size.
void check_loss(const std::string& name, const Variable& value, const Leaves& leaves, double tolerance) {
  INFO(name);
  CHECK(value.item() == Approx(golden(name).item()).epsilon(tolerance));
  // The seed must count.
  (3.0 * value).backward();
  for (const auto& [key, leaf] : leaves) {
    INFO("gradient of " << key);
    REQUIRE(leaf.grad().defined());
    const Variable scaled = affine(Variable(leaf.grad()), 1.0 / 3, 0);
    CHECK(relative_error(scaled.value(), golden(name + ".grad_" + key)) <= tolerance);
  }
}

using ProxyFunction = std::function<LossOutput(const Variable& f, const Variable& proxies)>;
struct GoldenCase {
  std::string name, proxies;
  ProxyFunction function;
};

std::vector<GoldenCase> proxy_cases() {
  const Tensor y = golden("labels");
  using V = const Variable&;
  return {
      {"arcface.m0.5", "proxies", [=](V f, V p) { return arcface(f, p, y, 64, 0.5); }},
      {"arcface.m0.3", "proxies", [=](V f, V p) { return arcface(f, p, y, 10, 0.3); }},
      {"arcface.sub3", "sub_proxies", [=](V f, V p) { return arcface(f, p, y, 64, 0.5, 3); }},
      {"cosface.m0.35", "proxies", [=](V f, V p) { return cosface(f, p, y, 64, 0.35); }},
      {"cosface.m0.1", "proxies", [=](V f, V p) { return cosface(f, p, y, 10, 0.1); }},
      {"proxy_nca.scale1", "proxies", [=](V f, V p) { return proxy_nca(f, p, y, 1); }},
      {"proxy_nca.scale3", "proxies", [=](V f, V p) { return proxy_nca(f, p, y, 3); }},
      {"proxy_nca.exclude_own", "proxies", [=](V f, V p) { return proxy_nca(f, p, y, 1, true); }},
      {"proxy_anchor.a32", "proxies", [=](V f, V p) { return proxy_anchor(f, p, y, 32, 0.1); }},
      {"proxy_anchor.a8", "proxies", [=](V f, V p) { return proxy_anchor(f, p, y, 8, 0.3); }},
  };
}

/// The counts of the triplets that the library's miner drew.
PairCounts recorded_triplets() {
  const std::int64_t n = golden("labels").dim(0);
  const auto indices = [](const char* name) { return golden(name).to_vector<std::int64_t>(); };
  const std::vector<std::int64_t> a = indices("anchors"), p = indices("positives"), q = indices("negatives");
  PairCounts counts{zeros({n, n}, DType::Float64), zeros({n, n}, DType::Float64)};
  for (std::size_t i = 0; i < a.size(); ++i) {
    counts.positive.data<double>()[a[i] * n + p[i]] += 1;
    counts.negative.data<double>()[a[i] * n + q[i]] += 1;
  }
  return counts;
}

void check_margin(DType dtype, double tolerance) {
  const Tensor y = golden("labels");
  const PairCounts every = every_triplet_pairs(y), drawn = recorded_triplets();
  const auto run = [&](const std::string& name, const Tensor& start, const PairCounts& counts) {
    const Variable f(golden("f").to(dtype).clone(), true), beta(start.to(dtype).clone(), true);
    const Variable unit = l2_normalize(f);
    check_loss(name, margin_loss(pairwise_distance(unit, unit), beta, y, 0.2, counts).value, {{"f", f}, {"beta", beta}},
               tolerance);
  };
  const Tensor one = full({1}, 1.2, DType::Float64), betas = golden("betas");
  run("margin.all.one", one, every);
  run("margin.all.per_class", betas, every);
  run("margin.triplets.one", one, drawn);
  run("margin.triplets.per_class", betas, drawn);
}

void check_proxy_losses(DType dtype, double tolerance) {
  for (const GoldenCase& c : proxy_cases()) {
    const Variable f(golden("f").to(dtype).clone(), true), proxies(golden(c.proxies).to(dtype).clone(), true);
    check_loss(c.name, c.function(f, proxies).value, {{"f", f}, {"proxies", proxies}}, tolerance);
  }
}

}  // namespace

TEST_CASE("proxy losses equal pytorch-metric-learning's", "[losses][class-losses][golden]") {
  check_proxy_losses(DType::Float64, 1e-10);
}

TEST_CASE("the margin loss equals pytorch-metric-learning's", "[losses][class-losses][golden]") {
  check_margin(DType::Float64, 1e-10);
}

TEST_CASE("class losses in float32 agree with their float64 goldens", "[losses][class-losses][golden]") {
  check_proxy_losses(DType::Float32, 1e-5);
  check_margin(DType::Float32, 1e-5);
}

TEST_CASE("Proxy-NCA with the own proxy in its sum is a softmax of cosines", "[losses][class-losses]") {
  const Variable f(golden("f")), proxies(golden("proxies"));
  const Tensor y = golden("labels");
  CHECK(proxy_nca(f, proxies, y, 3).value.item() == Approx(cosine_softmax(f, proxies, y, 6).item()).epsilon(1e-12));
}
