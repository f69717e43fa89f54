// Sizes shared by the tests of elementwise, row-wise and matrix kernels: around every
// vector width, and past one thread's share.
#pragma once
#include <vector>

#include "kernels/api/dims.h"

namespace fledge::test {

/// Views of any rank for elementwise kernels.
inline std::vector<Dims> elementwise_dims() {
  return {{1}, {7}, {8}, {15}, {16}, {17}, {33}, {64}, {100}, {70000}, {3, 5}, {2, 1, 4}, {2, 13, 3, 5}, {1, 32, 4, 4}};
}

/// R,C of matrices.
inline std::vector<Dims> matrix_dims() {
  return {{1, 1},  {1, 7},  {3, 8},   {5, 13},   {4, 16},   {2, 17},
          {7, 31}, {6, 33}, {16, 64}, {33, 100}, {64, 128}, {3, 1001}};
}

struct GemmCase {
  std::int64_t m, n, k;
};

inline std::vector<GemmCase> gemm_cases() {
  return {{1, 1, 1},   {1, 7, 5},    {3, 5, 7},     {8, 8, 8},     {13, 17, 31}, {16, 64, 33},
          {33, 1, 16}, {1, 128, 64}, {64, 31, 128}, {40, 40, 200}, {2, 10, 1024}};
}

}  // namespace fledge::test
