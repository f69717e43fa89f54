#include "autograd/gradcheck.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <sstream>

#include "autograd/grad_mode.h"
#include "tensor/creation.h"
#include "tensor/random.h"

namespace fledge {
namespace {

using Function = std::function<Variable(const std::vector<Variable>&)>;

/// The element with this row-major index, whatever the strides.
double& element(const Tensor& t, std::int64_t index) {
  std::int64_t offset = 0;
  for (int axis = t.rank() - 1; axis >= 0; --axis) {
    offset += index % t.dims()[axis] * t.strides()[axis];
    index /= t.dims()[axis];
  }
  return t.data<double>()[offset];
}

/// f at x[index] = value, without graph.
std::vector<double> evaluate(const Function& f, const std::vector<Variable>& leaves, const Tensor& x,
                             std::int64_t index, double value) {
  NoGradGuard no_grad;
  element(x, index) = value;
  x.bump_version();
  return f(leaves).value().to_vector<double>();
}

/// Central difference of sum(cotangent * f). Differences are taken before the sum: less cancellation.
double numeric_gradient(const Function& f, const std::vector<Variable>& leaves, const Tensor& x, std::int64_t index,
                        const std::vector<double>& cotangent, double step) {
  const double value = element(x, index);
  const double h = step * std::max(1.0, std::abs(value));
  const std::vector<double> above = evaluate(f, leaves, x, index, value + h);
  const std::vector<double> below = evaluate(f, leaves, x, index, value - h);
  element(x, index) = value;
  x.bump_version();
  double sum = 0;
  for (std::size_t i = 0; i < cotangent.size(); ++i) sum += cotangent[i] * (above[i] - below[i]);
  return sum / ((value + h) - (value - h));
}

std::vector<std::int64_t> coordinates(std::int64_t n, int limit, Generator& g) {
  std::vector<std::int64_t> all(n);
  std::iota(all.begin(), all.end(), 0);
  if (n > limit) {
    g.shuffle(all);
    all.resize(limit);
  }
  return all;
}

void record(GradcheckResult& result, double tolerance, std::size_t input, std::int64_t index, double analytic,
            double numeric) {
  double error = std::abs(analytic - numeric) / std::max({1.0, std::abs(analytic), std::abs(numeric)});
  if (std::isnan(error)) error = INFINITY;
  if (error > tolerance) result.ok = false;
  if (error < result.worst || (error == result.worst && !result.message.empty())) return;
  result.worst = error;
  std::ostringstream text;
  text.precision(12);
  text << "input " << input << ", element " << index << ": analytic " << analytic << ", numeric " << numeric
       << ", relative error " << error;
  result.message = text.str();
}

}  // namespace

GradcheckResult gradcheck(const Function& f, const std::vector<Tensor>& inputs, const GradcheckOptions& options) {
  std::vector<Variable> leaves;
  for (const Tensor& input : inputs) {
    if (input.dtype() != DType::Float64) {
      throw Error(ErrorKind::Usage, "gradcheck", "inputs must be float64, not " + describe(input),
                  "differences need 53 bits");
    }
    leaves.emplace_back(input.clone(), true);
  }
  Generator g(options.seed);
  const Variable y = f(leaves);
  const Tensor cotangent = rand_normal(y.dims(), g, 0, 1, DType::Float64).to(y.value().dtype());
  y.backward(cotangent);
  const std::vector<double> weights = cotangent.to_vector<double>();

  GradcheckResult result;
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    const Tensor& x = leaves[i].value();
    const Tensor grad = leaves[i].grad().defined() ? leaves[i].grad() : zeros_like(x);
    const std::vector<double> analytic = grad.to_vector<double>();
    for (std::int64_t index : coordinates(x.numel(), options.max_coordinates, g)) {
      const double numeric = numeric_gradient(f, leaves, x, index, weights, options.step);
      record(result, options.tolerance, i, index, analytic[index], numeric);
    }
  }
  return result;
}

}  // namespace fledge
