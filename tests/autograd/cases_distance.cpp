#include "autograd/ops/distance.h"
#include "autograd/ops/eltwise.h"
#include "autograd/ops/with_gradient.h"
#include "tensor/ops/eltwise.h"
#include "tensor/ops/reduce.h"
#include "tests/autograd/cases.h"

namespace fledge::test {
namespace {

/// Rows 0 and 1 differ by 0.01 in one column: close, yet far above the clamp.
Tensor near_duplicates(std::uint64_t seed) {
  const Tensor x = normal({4, 3}, seed);
  double* values = x.data<double>();
  for (int c = 0; c < 3; ++c) values[3 + c] = values[c];
  values[3] += 0.01;
  return x;
}

}  // namespace

std::vector<GradCase> distance_cases() {
  std::vector<GradCase> cases{
      {"l2_normalize", "", {normal({4, 5}, 1)}, [](const Leaves& v) { return l2_normalize(v[0]); }},
      {"l2_normalize",
       "one column",
       {away_from({0}, {3, 1}, 2, -2, 2)},
       [](const Leaves& v) { return l2_normalize(v[0]); }},
      {"l2_normalize",
       "norms below eps",
       {normal({3, 4}, 3)},
       [](const Leaves& v) { return l2_normalize(v[0], 100.0); }},
  };
  for (bool squared : {false, true}) {
    const PairwiseDistanceParams params{.squared = squared};
    const std::string form = squared ? "squared, " : "";
    const auto self = [=](const Leaves& v) { return pairwise_distance(v[0], v[0], params); };
    const auto both = [=](const Leaves& v) { return pairwise_distance(v[0], v[1], params); };
    cases.push_back({"pairwise_distance", form + "self", {normal({5, 3}, 4)}, self});
    cases.push_back({"pairwise_distance", form + "two sides", {normal({4, 3}, 5), normal({2, 3}, 6)}, both});
    cases.push_back(
        {"pairwise_distance", form + "self, of a computed matrix", {normal({4, 3}, 7)}, [=](const Leaves& v) {
           const Variable e = l2_normalize(v[0]);
           return pairwise_distance(e, e, params);
         }});
    cases.push_back({"pairwise_distance", form + "near-duplicates", {near_duplicates(8)}, self});
  }
  // The sum of squares, whose gradient is 2 x.
  cases.push_back({"with_gradient", "", {normal({3, 4}, 9)}, [](const Leaves& v) {
                     return with_gradient(sum(square(v[0].value())), v[0], affine(v[0].value(), 2, 0));
                   }});
  cases.push_back({"with_gradient", "scaled", {normal({3, 4}, 10)}, [](const Leaves& v) {
                     return 0.5 * with_gradient(sum(square(v[0].value())), v[0], v[0].value(), 2);
                   }});
  return cases;
}

}  // namespace fledge::test
