// The gradient-check cases, one list per family: a function of float64 leaves and the inputs to check it at.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "autograd/variable.h"

namespace fledge::test {

using Leaves = std::vector<Variable>;

struct GradCase {
  std::string op;    // Node::name() that this case covers
  std::string what;  // what is special about it
  std::vector<Tensor> inputs;
  std::function<Variable(const Leaves&)> f;
  double step = 1e-6;  // of the central difference
};

std::vector<GradCase> conv_cases();
std::vector<GradCase> norm_cases();
std::vector<GradCase> pool_cases();
std::vector<GradCase> unary_cases();
std::vector<GradCase> binary_cases();
std::vector<GradCase> reduce_cases();
std::vector<GradCase> row_cases();
std::vector<GradCase> gemm_cases();
std::vector<GradCase> gather_cases();
std::vector<GradCase> shape_cases();
std::vector<GradCase> distance_cases();
std::vector<GradCase> all_cases();

// Float64 inputs; the same seed gives the same values.
Tensor normal(const Dims& dims, std::uint64_t seed, Layout layout = Layout::Contiguous);
Tensor uniform(const Dims& dims, std::uint64_t seed, double low, double high);
/// Uniform in [low, high], every element at least 0.01 away from each kink.
Tensor away_from(const std::vector<double>& kinks, const Dims& dims, std::uint64_t seed, double low, double high);
/// All elements different by at least 0.1, in random order, around 0: no ties for maxima.
Tensor spaced(const Dims& dims, std::uint64_t seed);

/// Every node name in the graph behind a result.
std::vector<std::string> node_names(const Variable& result);

}  // namespace fledge::test
