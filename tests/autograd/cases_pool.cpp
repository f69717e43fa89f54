#include "autograd/ops/pool.h"
#include "tests/autograd/cases.h"

namespace fledge::test {

std::vector<GradCase> pool_cases() {
  const auto max_pool = [](const Pool2dParams& params) {
    return [params](const Leaves& v) { return max_pool2d(v[0], params); };
  };
  return {
      {"max_pool2d", "3x3 stride 2 padded, windows overlap", {spaced({2, 3, 6, 7}, 1)}, max_pool({})},
      {"max_pool2d",
       "2x2 stride 2",
       {spaced({1, 2, 4, 6}, 2)},
       max_pool({.kernel_h = 2, .kernel_w = 2, .pad_top = 0, .pad_left = 0, .pad_bottom = 0, .pad_right = 0})},
      {"max_pool2d",
       "3x2 stride 1, padded at one side",
       {spaced({1, 2, 5, 5}, 3)},
       max_pool({.kernel_h = 3,
                 .kernel_w = 2,
                 .stride_h = 1,
                 .stride_w = 1,
                 .pad_top = 0,
                 .pad_left = 0,
                 .pad_bottom = 1,
                 .pad_right = 1})},
      {"max_pool2d", "channels-last input", {spaced({2, 3, 5, 5}, 4).contiguous(Layout::ChannelsLast)}, max_pool({})},
      {"global_avg_pool",
       "row-major",
       {normal({2, 3, 3, 4}, 5)},
       [](const Leaves& v) { return global_avg_pool(v[0]); }},
      {"global_avg_pool",
       "channels-last",
       {normal({2, 5, 2, 3}, 6, Layout::ChannelsLast)},
       [](const Leaves& v) { return global_avg_pool(v[0]); }},
  };
}

}  // namespace fledge::test
