// Is a kernel's result right? Small problems are compared whole with the reference table, big ones at sampled elements,
// each worked out by the plain formula in double at the full batch size (the implementation may depend on the batch, so
// a smaller batch would check another kernel than the one that is timed).
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "bench/conv_tensors.h"

namespace fledge::bench {

/// Element (a,b,c,d) of a rank-4 view.
inline double element(const TensorView& t, std::int64_t a, std::int64_t b, std::int64_t c, std::int64_t d) {
  const Dims& s = t.strides;
  return t.as<float>()[a * s[0] + b * s[1] + c * s[2] + d * s[3]];
}

/// What element `at` of the direction's result must be.
inline double expected_element(const ConvCase& c, const ConvTensors& t, Direction d, const Dims& at) {
  const std::int64_t group_c = c.w[1], group_k = c.w[0] / c.params.groups;
  const Conv2dParams& p = c.params;
  const Dims y_dims = c.y();
  auto x_at = [&](std::int64_t n, std::int64_t ch, std::int64_t h, std::int64_t w) {
    return h < 0 || w < 0 || h >= c.x[2] || w >= c.x[3] ? 0.0 : element(t.x.view, n, ch, h, w);
  };
  double sum = 0;
  if (d == Direction::Forward || d == Direction::Fused) {
    for (std::int64_t ch = 0; ch < group_c; ++ch)
      for (std::int64_t r = 0; r < c.w[2]; ++r)
        for (std::int64_t s = 0; s < c.w[3]; ++s)
          sum += element(t.w.view, at[1], ch, r, s) * x_at(at[0], at[1] / group_k * group_c + ch,
                                                           at[2] * p.stride_h - p.pad_top + r,
                                                           at[3] * p.stride_w - p.pad_left + s);
    if (d == Direction::Forward) return sum;
    return std::max(0.0, sum + t.bias.view.as<float>()[at[1]]);
  }
  if (d == Direction::GradInput) {
    for (std::int64_t r = 0; r < c.w[2]; ++r)
      for (std::int64_t s = 0; s < c.w[3]; ++s) {
        const std::int64_t h = at[2] + p.pad_top - r, w = at[3] + p.pad_left - s;
        if (h < 0 || w < 0 || h % p.stride_h || w % p.stride_w) continue;
        if (h / p.stride_h >= y_dims[2] || w / p.stride_w >= y_dims[3]) continue;
        for (std::int64_t k = at[1] / group_c * group_k, end = k + group_k; k < end; ++k)
          sum +=
              element(t.w.view, k, at[1] % group_c, r, s) * element(t.y.view, at[0], k, h / p.stride_h, w / p.stride_w);
      }
    return sum;
  }
  for (std::int64_t n = 0; n < y_dims[0]; ++n)
    for (std::int64_t i = 0; i < y_dims[2]; ++i)
      for (std::int64_t j = 0; j < y_dims[3]; ++j)
        sum += element(t.y.view, n, at[0], i, j) * x_at(n, at[0] / group_k * group_c + at[1],
                                                        i * p.stride_h - p.pad_top + at[2],
                                                        j * p.stride_w - p.pad_left + at[3]);
  return sum;
}

/// Products summed up per element of the result.
inline std::int64_t reduction_length(const ConvCase& c, Direction d) {
  const Dims y = c.y();
  if (d == Direction::GradWeight) return y[0] * y[2] * y[3];
  return (d == Direction::GradInput ? c.w[0] / c.params.groups : c.w[1]) * c.w[2] * c.w[3];
}

/// Empty when the result is right, otherwise what is wrong. Inputs are uniform in [-1,1], so a sum of L products has a
/// root mean square of sqrt(L)/3; rounding may cost a few ulps of that, grown by sqrt(L).
inline std::string check_result(const ConvCase& c, ConvTensors& t, Direction d, ExecContext& ctx,
                                const KernelTable& ref) {
  const double length = static_cast<double>(reduction_length(c, d));
  const double allowed = 4.8e-7 * std::sqrt(length) * std::sqrt(length) / 3 + 1e-6;
  Buffer& result = t.result(d);
  const Dims& dims = result.view.dims;
  auto report = [&](const Dims& at, double got, double want) {
    return std::abs(got - want) <= allowed ? std::string()  // NaN fails, too
                                           : "element " + to_string(at) + " is " + std::to_string(got) + ", must be " +
                                                 std::to_string(want) + " +- " + std::to_string(allowed);
  };
  if (useful_flops(c) <= 5e7) {
    Buffer got(dims);
    std::copy_n(result.view.as<float>(), result.view.numel(), got.view.as<float>());
    t.run(ref, ctx, d, c.params);
    for (std::int64_t a = 0; a < dims[0]; ++a)
      for (std::int64_t b = 0; b < dims[1]; ++b)
        for (std::int64_t i = 0; i < dims[2]; ++i)
          for (std::int64_t j = 0; j < dims[3]; ++j) {
            const std::string wrong =
                report({a, b, i, j}, element(got.view, a, b, i, j), element(result.view, a, b, i, j));
            if (!wrong.empty()) return wrong;
          }
    return "";
  }
  std::mt19937 random(5);
  constexpr int kSamples = 300;  // the first 16 are the corners, where padding and tails are
  for (int sample = 0; sample < kSamples; ++sample) {
    Dims at = Dims::filled(4, 0);
    for (int axis = 0; axis < 4; ++axis)
      at[axis] = sample < 16 ? ((sample >> axis) & 1) * (dims[axis] - 1)
                             : static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(dims[axis]));
    const std::string wrong =
        report(at, element(result.view, at[0], at[1], at[2], at[3]), expected_element(c, t, d, at));
    if (!wrong.empty()) return wrong;
  }
  return "";
}

}  // namespace fledge::bench
