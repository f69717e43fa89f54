// Pooling problems.
#pragma once
#include <string>
#include <vector>

#include "kernels/api/pool.h"

namespace fledge::test {

struct PoolCase {
  Dims x;
  Pool2dParams p;

  std::string descriptor() const {
    return to_string(x) + " kernel" + std::to_string(p.kernel_h) + "x" + std::to_string(p.kernel_w) + " stride" +
           std::to_string(p.stride_h) + "x" + std::to_string(p.stride_w) + " pad" + std::to_string(p.pad_top) + "," +
           std::to_string(p.pad_left) + "," + std::to_string(p.pad_bottom) + "," + std::to_string(p.pad_right);
  }
};

inline std::vector<PoolCase> pool_cases() {
  std::vector<PoolCase> cases;
  const Pool2dParams two{.kernel_h = 2,
                         .kernel_w = 2,
                         .stride_h = 2,
                         .stride_w = 2,
                         .pad_top = 0,
                         .pad_left = 0,
                         .pad_bottom = 0,
                         .pad_right = 0};
  const Pool2dParams odd{.kernel_h = 3,
                         .kernel_w = 2,
                         .stride_h = 1,
                         .stride_w = 3,
                         .pad_top = 1,
                         .pad_left = 0,
                         .pad_bottom = 0,
                         .pad_right = 1};
  for (std::int64_t c : {1, 3, 5, 7, 8, 13, 16, 17, 31, 33, 64}) {
    cases.push_back({{2, c, 9, 8}, {}});  // ResNet's: 3x3, stride 2, padding 1
    cases.push_back({{1, c, 6, 4}, two});
  }
  for (const Dims& x : {Dims{1, 16, 1, 1}, Dims{2, 17, 2, 3}, Dims{1, 64, 28, 30}}) cases.push_back({x, {}});
  cases.push_back({{2, 19, 5, 7}, odd});
  return cases;
}

}  // namespace fledge::test
