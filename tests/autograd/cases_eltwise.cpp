#include "autograd/ops/eltwise.h"
#include "tensor/creation.h"
#include "tensor/random.h"
#include "tests/autograd/cases.h"

namespace fledge::test {
namespace {

/// Multiples of 1/8 in [-1, 1).
Tensor eighths(const Dims& dims) {
  std::vector<double> values(dims.numel());
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i % 16) / 8 - 1;
  return from_vector(values, dims);
}

}  // namespace

std::vector<GradCase> unary_cases() {
  const Dims d{3, 4, 5};
  return {
      {"relu", "", {away_from({0}, d, 1, -2, 2)}, [](const Leaves& v) { return relu(v[0]); }},
      {"relu",
       "channels-last",
       {away_from({0}, {2, 3, 2, 2}, 1, -2, 2).contiguous(Layout::ChannelsLast)},
       [](const Leaves& v) { return relu(v[0]); }},
      {"relu6", "", {away_from({0, 6}, d, 2, -4, 10)}, [](const Leaves& v) { return relu6(v[0]); }},
      {"exp", "", {normal(d, 3)}, [](const Leaves& v) { return exp(v[0]); }},
      {"log", "", {uniform(d, 4, 0.2, 3)}, [](const Leaves& v) { return log(v[0]); }},
      {"sqrt", "", {uniform(d, 5, 0.2, 3)}, [](const Leaves& v) { return sqrt(v[0]); }},
      {"square", "", {normal(d, 6)}, [](const Leaves& v) { return square(v[0]); }},
      {"abs", "", {away_from({0}, d, 7, -2, 2)}, [](const Leaves& v) { return abs(v[0]); }},
      {"softplus",
       "far out on both sides too",
       {uniform(d, 8, -40, 40)},
       [](const Leaves& v) { return softplus(v[0]); }},
      {"clamp", "", {away_from({-0.5, 0.8}, d, 9, -2, 2)}, [](const Leaves& v) { return clamp(v[0], -0.5, 0.8); }},
      {"affine", "", {normal(d, 10)}, [](const Leaves& v) { return affine(v[0], -2.5, 3); }},
      {"affine", "shift only: dy itself is handed on", {normal(d, 11)}, [](const Leaves& v) { return v[0] + 4.0; }},
      {"affine", "strided input", {normal({4, 3}, 11)}, [](const Leaves& v) { return exp(-v[0]); }},
      {"dropout",
       "fixed generator",
       {normal({6, 7}, 12)},
       [](const Leaves& v) {
         Generator g(5);
         return dropout(v[0], 0.4, g);
       }},
      // Values and step are exact in float32, so rounding does not hide the slope.
      {"cast", "to float32", {eighths(d)}, [](const Leaves& v) { return cast(v[0], DType::Float32); }, 0.25},
      {"cast",
       "to float32 and back",
       {eighths(d)},
       [](const Leaves& v) { return affine(cast(cast(v[0], DType::Float32), DType::Float64), 3, 0); },
       0.25},
  };
}

std::vector<GradCase> binary_cases() {
  const auto f_add = [](const Leaves& v) { return v[0] + v[1]; };
  const auto f_sub = [](const Leaves& v) { return v[0] - v[1]; };
  const auto f_mul = [](const Leaves& v) { return v[0] * v[1]; };
  const auto f_div = [](const Leaves& v) { return v[0] / v[1]; };
  struct Shapes {
    const char* what;
    Dims a, b;
  };
  std::vector<GradCase> cases;
  for (const Shapes& s : {Shapes{"same dims", {3, 4}, {3, 4}},
                          {"right is a row", {3, 4}, {4}},
                          {"left is a row", {4}, {3, 4}},
                          {"right is a column", {3, 4}, {3, 1}},
                          {"column and row", {3, 1}, {1, 4}},
                          {"right is a scalar", {2, 3, 2}, {}},
                          {"left is a scalar", {}, {2, 3}},
                          {"missing and size-1 axes", {3, 1, 2}, {2, 1, 4, 2}},
                          {"per channel", {2, 3, 2, 2}, {1, 3, 1, 1}}}) {
    cases.push_back({"add", s.what, {normal(s.a, 1), normal(s.b, 2)}, f_add});
    cases.push_back({"sub", s.what, {normal(s.a, 3), normal(s.b, 4)}, f_sub});
    cases.push_back({"mul", s.what, {normal(s.a, 5), normal(s.b, 6)}, f_mul});
    cases.push_back({"div", s.what, {normal(s.a, 7), uniform(s.b, 8, 0.5, 2)}, f_div});
  }
  for (const GradCase& c :
       {GradCase{"add", "with itself", {normal({3, 4}, 9)}, [](const Leaves& v) { return v[0] + v[0]; }},
        {"mul", "with itself", {normal({3, 4}, 9)}, [](const Leaves& v) { return v[0] * v[0]; }},
        {"div",
         "by a function of itself",
         {uniform({3, 4}, 9, 0.5, 2)},
         [](const Leaves& v) { return v[0] / square(v[0]); }},
        {"add", "both layouts", {normal({2, 3, 2, 2}, 1), normal({2, 3, 2, 2}, 2, Layout::ChannelsLast)}, f_add}})
    cases.push_back(c);
  return cases;
}

}  // namespace fledge::test
