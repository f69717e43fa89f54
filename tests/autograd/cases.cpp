#include "tests/autograd/cases.h"

#include <cmath>
#include <numeric>
#include <set>

#include "autograd/node.h"
#include "tensor/creation.h"
#include "tensor/random.h"

namespace fledge::test {

Tensor normal(const Dims& dims, std::uint64_t seed, Layout layout) {
  Generator g(seed);
  return rand_normal(dims, g, 0, 1, DType::Float64, layout);
}

Tensor uniform(const Dims& dims, std::uint64_t seed, double low, double high) {
  Generator g(seed);
  return rand_uniform(dims, g, low, high, DType::Float64);
}

Tensor away_from(const std::vector<double>& kinks, const Dims& dims, std::uint64_t seed, double low, double high) {
  Generator g(seed);
  std::vector<double> values;
  while (static_cast<std::int64_t>(values.size()) < dims.numel()) {
    const double v = g.uniform(low, high);
    bool near = false;
    for (double kink : kinks) near = near || std::abs(v - kink) < 0.01;
    if (!near) values.push_back(v);
  }
  return from_vector(values, dims);
}

Tensor spaced(const Dims& dims, std::uint64_t seed) {
  std::vector<std::int64_t> order(dims.numel());
  std::iota(order.begin(), order.end(), 0);
  Generator g(seed);
  g.shuffle(order);
  std::vector<double> values;
  for (std::int64_t place : order)
    values.push_back(0.1 * (static_cast<double>(place) - 0.5 * static_cast<double>(order.size())));
  return from_vector(values, dims);
}

std::vector<GradCase> all_cases() {
  std::vector<GradCase> all;
  for (auto family : {conv_cases, norm_cases, pool_cases, unary_cases, binary_cases, reduce_cases, row_cases,
                      gemm_cases, gather_cases, shape_cases, distance_cases}) {
    for (GradCase& c : family()) all.push_back(std::move(c));
  }
  return all;
}

std::vector<std::string> node_names(const Variable& result) {
  std::set<std::string> names;
  std::set<Node*> seen;
  std::vector<Node*> open{result.creator().get()};
  while (!open.empty()) {
    Node* node = open.back();
    open.pop_back();
    if (!node || !seen.insert(node).second) continue;
    names.insert(node->name());
    for (const Variable& input : node->inputs)
      if (input.defined()) open.push_back(input.creator().get());
  }
  return {names.begin(), names.end()};
}

}  // namespace fledge::test
