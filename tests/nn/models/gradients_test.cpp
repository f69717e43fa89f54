// Whole networks by central differences in float64: every parameter tensor and the picture, sampled coordinates.
#include <catch2/catch.hpp>
#include <cmath>
#include <functional>
#include <limits>

#include "autograd/grad_mode.h"
#include "nn/models/model.h"
#include "tensor/random.h"
#include "tests/nn/models/golden.h"

using namespace fledge;
using namespace fledge::test;

namespace {

double dot(const Tensor& a, const Tensor& b) {
  const std::vector<double> u = a.to_vector<double>(), v = b.to_vector<double>();
  double sum = 0;
  for (std::size_t i = 0; i < u.size(); ++i) sum += u[i] * v[i];
  return sum;
}

/// <cotangent, embedding> after element i of t moved by `step`; t is as before afterwards.
double moved(const EmbeddingModel& model, const Variable& x, const Tensor& cotangent, const Tensor& t, std::int64_t i,
             double step) {
  NoGradGuard no_grad;
  double* value = t.data<double>() + i;
  const double before = *value;
  *value = before + step;
  t.bump_version();
  const double result = dot(model.forward(x).embedding.value(), cotangent);
  *value = before;
  t.bump_version();
  return result;
}

/// Elements of memory; both tensors are dense in the same layout.
double element(const Tensor& gradient, const Tensor& like, std::int64_t i) {
  const Tensor g = gradient.contiguous(like.is_contiguous() ? Layout::Contiguous : Layout::ChannelsLast);
  return g.data<double>()[i];
}

/// The central difference nearest to `analytic` of two steps: a ReLU that changes side spoils the large one, rounding
/// the small one. A wrong gradient is near neither.
double numeric_gradient(const std::function<double(double)>& f, double analytic) {
  double best = 0, best_error = std::numeric_limits<double>::infinity();
  for (double step : {1e-6, 1e-7}) {
    const double numeric = (f(step) - f(-step)) / (2 * step);
    const double error = std::abs(numeric - analytic);
    if (error < best_error) best = numeric, best_error = error;
    if (error <= 1e-7 * std::abs(analytic)) break;
  }
  return best;
}

void check(const EmbeddingModel& model, std::int64_t picture) {
  const Variable x(formula("pictures", {6, 3, picture, picture}), true);
  const Variable y = model.forward(x).embedding;
  const Tensor cotangent = formula("cotangent", y.dims());
  y.backward(cotangent);
  auto all = model.named_parameters();
  all.emplace_back("picture", x);
  Generator g(7);
  for (const auto& [name, p] : all) {
    const Tensor& t = p.value();
    REQUIRE(p.grad().defined());
    for (int k = 0; k < 3; ++k) {
      const std::int64_t i = g.below(t.numel());
      const double analytic = element(p.grad(), t, i);
      const double numeric =
          numeric_gradient([&](double step) { return moved(model, x, cotangent, t, i, step); }, analytic);
      INFO(name << " element " << i << ": analytic " << analytic << ", numeric " << numeric);
      CHECK(std::abs(analytic - numeric) <= 1e-6 * std::max({1.0, std::abs(analytic), std::abs(numeric)}));
    }
  }
}

}  // namespace

TEST_CASE("gradients of whole networks are those of central differences") {
  struct Case {
    const char* arch;
    const char* stem;
    const char* variant;
    double width;
    std::int64_t picture;
  };
  const Case c =
      GENERATE(Case{"resnet18", "small", "torch", 0.0625, 10}, Case{"resnet18", "imagenet", "torch", 0.0625, 40},
               Case{"resnet50", "small", "torch", 0.03125, 10}, Case{"mobilenet_v1", "small", "torch", 0.125, 18},
               Case{"mobilenet_v1", "imagenet", "keras", 0.125, 40});
  const bool training = GENERATE(true, false);
  CAPTURE(c.arch, c.stem, c.variant, training);
  ModelSpec spec;
  spec.arch = c.arch;
  spec.stem = c.stem;
  spec.variant = c.variant;
  spec.width = c.width;
  spec.embedding = 5;
  EmbeddingModel model(spec, 1);
  model.to(DType::Float64);
  fill_by_formula(model, std::string(c.variant) == "keras" ? 4 : 1);
  model.train(training);
  check(model, c.picture);
}
