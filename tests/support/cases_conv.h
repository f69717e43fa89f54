// The convolution problems every backend is held to. One list, used by tests of kernels and free to be used by others.
#pragma once
#include <vector>

#include "kernels/plan/conv_case.h"
#include "tests/support/compare.h"

namespace fledge::test {

/// The same stride, and the same padding on all sides.
inline Conv2dParams same_padding(int stride, int pad, int groups = 1) {
  return {.stride_h = stride,
          .stride_w = stride,
          .pad_top = pad,
          .pad_left = pad,
          .pad_bottom = pad,
          .pad_right = pad,
          .groups = groups};
}

inline std::vector<ConvCase> conv_cases() {
  std::vector<ConvCase> cases;
  const auto add = [&](const Dims& x, std::int64_t k, std::int64_t r, std::int64_t s, const Conv2dParams& p) {
    cases.push_back({x, {k, x[1] / p.groups, r, s}, p});
  };
  // TensorFlow's "same" for stride 2 and even sizes: padding below and to the right only.
  const auto keras = [](int groups = 1) {
    return Conv2dParams{
        .stride_h = 2, .stride_w = 2, .pad_top = 0, .pad_left = 0, .pad_bottom = 1, .pad_right = 1, .groups = groups};
  };
  const std::int64_t channels[] = {1, 3, 5, 7, 8, 13, 16, 17, 31, 33, 64};

  // Odd channel counts: 3x3 and 1x1, each input count with a different output count.
  for (int i = 0; i < 11; ++i) {
    const std::int64_t c = channels[i], k = channels[(i * 4 + 3) % 11];
    add({2, c, 6, 5}, k, 3, 3, same_padding(1, 1));
    add({2, c, 6, 5}, k, 3, 3, same_padding(2, 1));
    add({2, c, 5, 7}, k, 1, 1, same_padding(1, 0));
    // Stride-2 1x1 with few input channels: oneDNN has an implementation whose weight gradient is wrong there.
    add({2, c, 7, 6}, k, 1, 1, same_padding(2, 0));
    // Depthwise.
    if (c == 1) continue;
    const int groups = static_cast<int>(c);
    add({2, c, 7, 6}, c, 3, 3, same_padding(1, 1, groups));
    add({2, c, 7, 6}, c, 3, 3, same_padding(2, 1, groups));
    add({2, c, 8, 6}, c, 3, 3, keras(groups));
  }
  // Networks' own shapes, small: stems, a bottleneck's three, MobileNet's pointwise.
  add({1, 3, 23, 21}, 16, 7, 7, same_padding(2, 3));
  add({2, 3, 16, 16}, 8, 3, 3, keras());
  add({1, 3, 12, 12}, 64, 3, 3, same_padding(1, 1));
  add({2, 64, 9, 9}, 64, 3, 3, same_padding(1, 1));
  add({1, 32, 14, 14}, 48, 3, 3, same_padding(1, 1));
  add({3, 64, 4, 4}, 128, 1, 1, same_padding(1, 0));
  add({1, 16, 28, 28}, 32, 1, 1, same_padding(1, 0));
  add({1, 64, 15, 13}, 64, 3, 3, same_padding(1, 1, 64));
  add({1, 24, 3, 40}, 24, 3, 3, same_padding(1, 1, 24));
  add({4, 64, 8, 8}, 96, 1, 1, same_padding(2, 0));
  // First layers with several strips of rows, odd outputs, paddings unlike.
  add({2, 3, 19, 30}, 40, 5, 5, same_padding(2, 2));
  add({1, 1, 28, 28}, 24, 3, 3, same_padding(1, 1));
  add({2, 4, 14, 11}, 9, 3, 4,
      {.stride_h = 3, .stride_w = 1, .pad_top = 2, .pad_left = 0, .pad_bottom = 1, .pad_right = 3});
  // Groups that are not depthwise, and a channel multiplier.
  add({2, 8, 6, 6}, 12, 3, 3, same_padding(1, 1, 4));
  add({1, 32, 5, 5}, 64, 3, 3, same_padding(2, 1, 2));
  add({2, 6, 5, 5}, 12, 3, 3, same_padding(1, 1, 6));
  // Tiny pictures, batch 1; filters larger than the picture.
  for (const Dims& x : {Dims{1, 16, 1, 1}, Dims{1, 16, 2, 3}, Dims{2, 5, 1, 1}, Dims{1, 3, 2, 3}}) {
    add(x, 16, 3, 3, same_padding(1, 1));
    add(x, 8, 3, 3, same_padding(2, 1));
    add(x, 7, 1, 1, same_padding(1, 0));
    add(x, x[1], 3, 3, same_padding(1, 1, static_cast<int>(x[1])));
    add(x, x[1], 3, 3, same_padding(2, 1, static_cast<int>(x[1])));
  }
  // Other filters: 5x5 depthwise, 1x7 and 7x1, stride unlike in the two directions, padding on all sides unlike.
  add({1, 16, 9, 8}, 16, 5, 5, same_padding(1, 2, 16));
  add({1, 16, 9, 8}, 16, 5, 5, same_padding(2, 2, 16));
  add({1, 8, 9, 8}, 8, 1, 7, {.stride_w = 2, .pad_left = 3, .pad_right = 2});
  add({1, 8, 9, 8}, 16, 7, 1, {.stride_h = 3, .pad_top = 1, .pad_bottom = 2});
  add({1, 16, 7, 9}, 16, 3, 3, {.pad_top = 2, .pad_left = 0, .pad_bottom = 1, .pad_right = 2});
  add({1, 16, 7, 9}, 16, 3, 3, {.pad_top = 1, .pad_left = 2, .groups = 16});
  add({1, 16, 7, 9}, 16, 3, 3, same_padding(3, 0, 16));
  // Enough tiles for Winograd: several blocks and one that is not full; pictures that are not whole tiles.
  add({4, 16, 12, 13}, 32, 3, 3, same_padding(1, 1));
  add({2, 32, 17, 22}, 16, 3, 3, {.pad_top = 0, .pad_left = 2, .pad_bottom = 1, .pad_right = 1});
  // Blocks of pixels, inputs and outputs of the weights' gradient that are not full.
  add({3, 160, 9, 8}, 112, 3, 3, same_padding(2, 1));
  add({3, 32, 13, 11}, 24, 2, 1, {.stride_h = 2, .stride_w = 3});
  return cases;
}

/// The tolerance of mismatch() for a case. Tiles of 4 x 4 outputs, which the CPU's tables may take for some cases,
/// round further than a direct sum where inputs have a mean (tests/kernels/winograd_test.cpp).
inline double conv_tolerance(const TableUnderTest& t, const ConvCase& c) {
  constexpr double kUlps4 = 4.8e-7;
  const bool tiles = !t.backend && c.w[2] == 3 && c.w[3] == 3 && c.params.stride_h == 1 && c.params.stride_w == 1 &&
                     c.params.groups == 1 && c.x[1] % 16 == 0 && c.w[0] % 16 == 0;
  return tiles ? 4 * kUlps4 : kUlps4;
}

}  // namespace fledge::test
