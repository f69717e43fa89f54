// Losses with parameters per class: central differences, and what the goldens cannot show: angles of 0 and pi, batches
// of one class or one picture, scale, order, refusals.
#include <catch2/catch.hpp>
#include <cmath>
#include <numbers>

#include "autograd/gradcheck.h"
#include "nn/losses/classes/angular_margin.h"
#include "nn/losses/classes/class_proxies.h"
#include "nn/losses/classes/classification.h"
#include "nn/losses/classes/proxies.h"
#include "tensor/creation.h"
#include "tensor/ops/eltwise.h"
#include "tensor/random.h"
#include "tests/nn/losses/batches.h"

using namespace fledge;
using namespace fledge::test;
using Catch::Contains;

namespace {

Tensor rows(const std::vector<double>& values, std::int64_t d, DType dtype) {
  return from_vector(values, {static_cast<std::int64_t>(values.size()) / d, d}).to(dtype);
}

struct ProxyCase {
  std::string name;
  std::function<LossOutput(const Variable& f, const Variable& proxies, const Tensor& labels)> function;
  std::int64_t per_class = 1;
};
const std::vector<ProxyCase>& cases() {
  using V = const Variable&;
  using T = const Tensor&;
  static const std::vector<ProxyCase> all = {
      {"arcface", [](V f, V p, T y) { return arcface(f, p, y, 8, 0.5); }},
      {"arcface, three sub-centres", [](V f, V p, T y) { return arcface(f, p, y, 8, 0.5, 3); }, 3},
      {"arcface, half of the angles beyond pi - m", [](V f, V p, T y) { return arcface(f, p, y, 8, 1.57); }},
      {"cosface", [](V f, V p, T y) { return cosface(f, p, y, 8, 0.35); }},
      {"proxy-nca", [](V f, V p, T y) { return proxy_nca(f, p, y, 1); }},
      {"proxy-nca without its own", [](V f, V p, T y) { return proxy_nca(f, p, y, 1, true); }},
      {"proxy-anchor", [](V f, V p, T y) { return proxy_anchor(f, p, y, 8, 0.1); }},
  };
  return all;
}

}  // namespace

TEST_CASE("central differences agree with the gradients of embeddings and proxies",
          "[losses][class-losses][gradcheck]") {
  // Class 3 has one picture, class 4 none.
  const Tensor y = labels_of({0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3}), f = random(12, 8, 1);
  for (const ProxyCase& c : cases()) {
    const GradcheckResult r = gradcheck([&](const std::vector<Variable>& v) { return c.function(v[0], v[1], y).value; },
                                        {f, random(5 * c.per_class, 8, 2)});
    INFO(c.name << ": " << r.message);
    CHECK(r.ok);
    CHECK(r.worst <= 1e-6);
  }
}

TEST_CASE("values by hand", "[losses][class-losses]") {
  // Proxies on the axes; pictures at 30 and 120 degrees from proxy 0, both of class 0.
  const double a = std::numbers::pi / 6, b = 2 * std::numbers::pi / 3;
  const Variable f(rows({std::cos(a), std::sin(a), std::cos(b), std::sin(b)}, 2, DType::Float64)),
      p(rows({1, 0, 0, 1}, 2, DType::Float64));
  const Tensor y = labels_of({0, 0});
  const auto loss = [](double own, double other) { return std::log1p(std::exp(other - own)); };
  const auto mean = [](double u, double v) { return (u + v) / 2; };
  CHECK(arcface(f, p, y, 4, 0.5).value.item() ==
        Approx(mean(loss(4 * std::cos(a + 0.5), 4 * std::sin(a)), loss(4 * std::cos(b + 0.5), 4 * std::sin(b)))));
  // With a margin of 1.2 the second lies beyond pi - 1.2.
  CHECK(arcface(f, p, y, 4, 1.2).value.item() ==
        Approx(mean(loss(4 * std::cos(a + 1.2), 4 * std::sin(a)),
                    loss(4 * (std::cos(b) - 1.2 * std::sin(1.2)), 4 * std::sin(b)))));
  CHECK(cosface(f, p, y, 4, 0.35).value.item() ==
        Approx(mean(loss(4 * (std::cos(a) - 0.35), 4 * std::sin(a)), loss(4 * (std::cos(b) - 0.35), 4 * std::sin(b)))));
  const auto d2 = [](double cosine) { return 2 - 2 * cosine; };
  CHECK(proxy_nca(f, p, y, 1.5).value.item() == Approx(mean(loss(-1.5 * d2(std::cos(a)), -1.5 * d2(std::sin(a))),
                                                            loss(-1.5 * d2(std::cos(b)), -1.5 * d2(std::sin(b))))));
  // Without the own proxy one term is left: its logarithm is the distance itself. Below 0 for the nearer picture.
  CHECK(proxy_nca(f, p, y, 1, true).value.item() ==
        Approx(mean(d2(std::cos(a)) - d2(std::sin(a)), d2(std::cos(b)) - d2(std::sin(b)))));
  // Proxy 0 has both pictures, proxy 1 none: |P+| = 1, |P| = 2.
  const double pull = std::log(1 + std::exp(-4 * (std::cos(a) - 0.1)) + std::exp(-4 * (std::cos(b) - 0.1)));
  const double push = std::log(1 + std::exp(4 * (std::sin(a) + 0.1)) + std::exp(4 * (std::sin(b) + 0.1)));
  CHECK(proxy_anchor(f, p, y, 4, 0.1).value.item() == Approx(pull + push / 2));
  // The first picture is nearest to its own proxy, the second to the other; they lie 90 degrees apart.
  const LossOutput out = cosface(f, p, y, 4, 0.35);
  CHECK(number(out, "accuracy") == 0.5);
  CHECK(number(out, "mean_positive") == Approx(std::sqrt(2.0)));
  CHECK(number(out, "mean_negative") == 0);
}

TEST_CASE("without a margin both angular losses are the cosine softmax", "[losses][class-losses]") {
  const Variable f(random(12, 8, 3)), p(random(4, 8, 4));
  const Tensor y = labels_of({0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3});
  const double expected = cosine_softmax(f, p, y, 20).item();
  CHECK(arcface(f, p, y, 20, 0).value.item() == Approx(expected).epsilon(1e-12));
  CHECK(cosface(f, p, y, 20, 0).value.item() == Approx(expected).epsilon(1e-12));
  // The log's accuracy is that of the cosines: the margin does not lower it.
  CHECK(number(arcface(f, p, y, 20, 1), "accuracy") == number(arcface(f, p, y, 20, 0), "accuracy"));
}

TEST_CASE("angles of 0 and pi and their neighbours have finite gradients", "[losses][class-losses]") {
  for (const DType dtype : {DType::Float32, DType::Float64})
    for (const double off : {0.0, 1e-12, 1e-9, 1e-7, 3e-4, 1e-3, 1e-2})
      for (const double side : {1.0, -1.0}) {
        INFO(name_of(dtype) << " at " << off << " beside " << (side > 0 ? 0 : 180) << " degrees");
        const Variable f(rows({side * 0.7, 0.7 * off, 0.1 * off, side * 1.3, -1.3 * off, 0}, 3, dtype), true);
        const Variable p(rows({3, 0, 0, 0.3, 0.4, 1.1}, 3, dtype), true);
        const LossOutput out = arcface(f, p, labels_of({0, 0}), 64, 0.5);
        const double own = side > 0 ? std::cos(off + 0.5) : -std::cos(off) - 0.5 * std::sin(0.5);
        const double other = side * 0.3 / std::sqrt(0.3 * 0.3 + 0.4 * 0.4 + 1.1 * 1.1);
        CHECK(out.value.item() == Approx(64 * std::max(0.0, other - own)).margin(64 * (2 * off + 1e-3)));
        out.value.backward();
        // dL/dtheta is at most 64 for each logit, and the angle turns by at most 1 / |f|; half of that for a mean of 2.
        CHECK(largest(f.grad()) <= 64 / 0.7 + 1);
        CHECK(largest(p.grad()) <= 64 / 0.3 + 1);
      }
}

TEST_CASE("a cosine that rounds above 1 does no harm", "[losses][class-losses]") {
  // Pictures that lie at their proxies, and at the opposites, in so many directions that some cosines round outwards.
  std::vector<std::int64_t> y;
  for (std::int64_t i = 0; i < 200; ++i) y.push_back(i);
  for (const DType dtype : {DType::Float32, DType::Float64})
    for (const double side : {1.0, -1.0}) {
      const Tensor at = random(200, 5, 17, dtype);
      const Variable f(affine(at, 3 * side, 0), true), p(at, true);
      double beyond = 0;
      const std::vector<double> cosine = cosines(f, p).value().to_vector<double>();
      for (std::size_t i = 0; i < 200; ++i) beyond = std::max(beyond, side * cosine[i * 201] - 1);
      REQUIRE(beyond > 0);
      const Variable value = arcface(f, p, labels_of(y), 64, 0.5).value;
      CHECK(std::isfinite(value.item()));
      value.backward();
      CHECK(std::isfinite(largest(f.grad())));
      CHECK(std::isfinite(largest(p.grad())));
    }
}

TEST_CASE("the arc margin's slope near angle 0 is that of the cone", "[losses][class-losses]") {
  // Two classes far from saturation; d cos(theta + m) / d theta = -sin(m) at theta -> 0, where the cosine's own is 0.
  const double theta = 1e-4;
  const Variable f(rows({std::cos(theta), std::sin(theta), 0}, 3, DType::Float64), true),
      p(rows({1, 0, 0, 0, 0, 1}, 3, DType::Float64));
  arcface(f, p, labels_of({0}), 1, 0.5).value.backward();
  const double q = 1 / (1 + std::exp(std::cos(theta + 0.5)));  // probability of the other class, whose cosine is 0
  CHECK(f.grad().to_vector<double>()[1] == Approx(q * std::sin(theta + 0.5)).epsilon(1e-4));
}

TEST_CASE("copies of one picture, zero rows, one class, one picture", "[losses][class-losses]") {
  const Tensor point = random(1, 8, 6).expand({6, 8}).contiguous();
  struct Batch {
    const char* what;
    Tensor f;
    std::vector<std::int64_t> y;
  };
  const std::vector<Batch> batches = {{"copies", point, {0, 0, 1, 1, 2, 3}},
                                      {"zeros", zeros({6, 8}, DType::Float64), {0, 0, 1, 1, 2, 3}},
                                      {"one class", random(6, 8, 7), {2, 2, 2, 2, 2, 2}},
                                      {"a picture each", random(4, 8, 8), {0, 1, 2, 3}},
                                      {"one picture", random(1, 8, 9), {3}}};
  for (const ProxyCase& c : cases())
    for (const Batch& b : batches) {
      INFO(c.name << ", " << b.what);
      const Variable f(b.f.clone(), true), p(random(4 * c.per_class, 8, 10), true);
      const LossOutput out = c.function(f, p, labels_of(b.y));
      CHECK(std::isfinite(out.value.item()));
      for (const auto& [name, value] : out.numbers) CHECK(std::isfinite(value.value()));
      out.value.backward();
      CHECK(std::isfinite(largest(f.grad())));
      CHECK(std::isfinite(largest(p.grad())));
    }
  // One picture is worth what it is worth among copies of itself.
  const Tensor one = random(1, 8, 9), three = one.expand({3, 8}).contiguous();
  for (const ProxyCase& c : cases()) {
    if (c.name == "proxy-anchor") continue;  // sums over pictures inside a logarithm
    const Variable p(random(4 * c.per_class, 8, 10));
    CHECK(c.function(Variable(one), p, labels_of({3})).value.item() ==
          Approx(c.function(Variable(three), p, labels_of({3, 3, 3})).value.item()).epsilon(1e-12));
  }
}

TEST_CASE("lengths of rows do not count, and the order of pictures does not", "[losses][class-losses]") {
  const Tensor f = random(6, 8, 11), y = labels_of({0, 0, 1, 1, 2, 3});
  const std::vector<std::int64_t> order = {4, 2, 0, 5, 3, 1};
  const std::vector<double> x = f.to_vector<double>();
  const std::vector<std::int64_t> labels = y.to_vector<std::int64_t>();
  std::vector<double> moved;
  std::vector<std::int64_t> moved_labels;
  for (std::int64_t i : order) {
    moved.insert(moved.end(), x.begin() + i * 8, x.begin() + (i + 1) * 8);
    moved_labels.push_back(labels[i]);
  }
  for (const ProxyCase& c : cases()) {
    INFO(c.name);
    const Tensor p = random(4 * c.per_class, 8, 12);
    const double value = c.function(Variable(f), Variable(p), y).value.item();
    CHECK(c.function(Variable(affine(f, 37, 0)), Variable(affine(p, 0.01, 0)), y).value.item() ==
          Approx(value).epsilon(1e-12));
    CHECK(c.function(Variable(rows(moved, 8, DType::Float64)), Variable(p), labels_of(moved_labels)).value.item() ==
          Approx(value).epsilon(1e-12));
  }
}

TEST_CASE("sub-centres: the nearest one answers for its class", "[losses][class-losses]") {
  const Tensor y = labels_of({0, 1, 1, 2}), f = random(4, 8, 13), p = random(3, 8, 14);
  const std::vector<double> x = p.to_vector<double>();
  // Each class has its proxy and, first, a second vector: `factor` times the proxy.
  const auto pairs = [&](double factor) {
    std::vector<double> two;
    for (int c = 0; c < 3; ++c)
      for (const double scale : {factor, 1.0})
        for (int k = 0; k < 8; ++k) two.push_back(scale * x[c * 8 + k]);
    return Variable(rows(two, 8, DType::Float64), true);
  };
  const Variable one(p.clone(), true), copies = pairs(1);
  const Variable a = arcface(Variable(f), one, y, 8, 0.5).value, b = arcface(Variable(f), copies, y, 8, 0.5, 2).value;
  CHECK(b.item() == Approx(a.item()).epsilon(1e-12));
  a.backward();
  b.backward();
  // Copies share the gradient evenly.
  const std::vector<double> g1 = one.grad().to_vector<double>(), g2 = copies.grad().to_vector<double>();
  for (int c = 0; c < 3; ++c)
    for (int k = 0; k < 8; ++k) {
      CHECK(g2[c * 16 + k] == Approx(g1[c * 8 + k] / 2).margin(1e-12));
      CHECK(g2[c * 16 + 8 + k] == Approx(g1[c * 8 + k] / 2).margin(1e-12));
    }
  // With its opposite beside each proxy every class's cosine is |cos|: pictures at the proxies' opposites are as good
  // as pictures at the proxies.
  const Variable opposite = pairs(-1);
  CHECK(arcface(Variable(affine(f, -1, 0)), opposite, y, 8, 0.5, 2).value.item() ==
        Approx(arcface(Variable(f), opposite, y, 8, 0.5, 2).value.item()).epsilon(1e-12));
}

TEST_CASE("class losses refuse what does not fit, and say what", "[losses][class-losses]") {
  const Variable f(random(4, 6, 15)), p(random(3, 6, 16));
  const Tensor y = labels_of({0, 1, 2, 0});
  CHECK_THROWS_WITH(arcface(f, p, labels_of({0, 1, 3, 0}), 64, 0.5),
                    Contains("label 3 at row 2") && Contains("arcface"));
  CHECK_THROWS_WITH(cosface(f, p, labels_of({0, -1, 0, 0}), 64, 0.5), Contains("label -1 at row 1"));
  CHECK_THROWS_WITH(proxy_nca(f, Variable(random(3, 5, 1)), y, 1), Contains("4x6") && Contains("3x5"));
  CHECK_THROWS_WITH(proxy_anchor(f, Variable(random(1, 6, 1)), y, 32, 0.1), Contains("two classes"));
  CHECK_THROWS_WITH(arcface(f, p, y, 64, 0.5, 2), Contains("classes * 2"));
  CHECK_THROWS_AS(arcface(f, p, labels_of({0, 1}), 64, 0.5), Error);
  CHECK_THROWS_WITH(arcface(f, p, y, 64, 1.6), Contains("1.6"));
  CHECK_THROWS_WITH(arcface(f, p, y, 0, 0.5), Contains("scale"));
  CHECK_THROWS_WITH(cosface(f, p, y, 64, -0.1), Contains("margin"));
  CHECK_THROWS_WITH(proxy_nca(f, p, y, 0), Contains("scale"));
  CHECK_THROWS_WITH(proxy_anchor(f, p, y, -1, 0.1), Contains("alpha"));
}
