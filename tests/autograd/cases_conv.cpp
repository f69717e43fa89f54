#include "autograd/ops/conv.h"
#include "tests/autograd/cases.h"

namespace fledge::test {
namespace {

GradCase conv_case(const char* what, const Dims& x, const Dims& w, bool bias, const Conv2dParams& params,
                   Layout layout = Layout::ChannelsLast) {
  GradCase c{"conv2d", what, {normal(x, 1, layout), normal(w, 2, layout)}, nullptr};
  if (bias) c.inputs.push_back(normal({w[0]}, 3));
  c.f = [params, bias](const Leaves& v) { return conv2d(v[0], v[1], bias ? v[2] : Variable(), params); };
  return c;
}

}  // namespace

std::vector<GradCase> conv_cases() {
  return {
      conv_case("3x3 padded with bias", {2, 3, 5, 4}, {4, 3, 3, 3}, true,
                {.pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1}),
      conv_case("no padding, no bias, row-major input", {1, 2, 5, 5}, {3, 2, 3, 2}, false, {}, Layout::Contiguous),
      conv_case("1x1", {2, 5, 3, 3}, {4, 5, 1, 1}, true, {}),
      conv_case("1x1 stride 2", {1, 3, 5, 4}, {2, 3, 1, 1}, false, {.stride_h = 2, .stride_w = 2}),
      conv_case("stride 2 padded", {1, 3, 6, 7}, {2, 3, 3, 3}, false,
                {.stride_h = 2, .stride_w = 2, .pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1}),
      conv_case("unequal strides", {1, 2, 6, 7}, {2, 2, 3, 3}, true, {.stride_h = 1, .stride_w = 3}),
      conv_case("padded bottom and right only, stride 2", {1, 2, 6, 6}, {3, 2, 3, 3}, true,
                {.stride_h = 2, .stride_w = 2, .pad_bottom = 1, .pad_right = 1}),
      conv_case("four different paddings", {1, 2, 4, 4}, {2, 2, 3, 3}, false,
                {.pad_top = 2, .pad_left = 0, .pad_bottom = 1, .pad_right = 3}),
      conv_case("groups", {2, 4, 4, 4}, {6, 2, 3, 3}, true,
                {.pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1, .groups = 2}),
      conv_case("depthwise", {2, 5, 4, 4}, {5, 1, 3, 3}, false,
                {.pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1, .groups = 5}),
      conv_case(
          "depthwise stride 2 with bias", {1, 3, 5, 6}, {3, 1, 3, 3}, true,
          {.stride_h = 2, .stride_w = 2, .pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1, .groups = 3}),
      conv_case("depthwise with two filters a channel", {1, 3, 4, 4}, {6, 1, 3, 3}, false, {.groups = 3}),
  };
}

}  // namespace fledge::test
