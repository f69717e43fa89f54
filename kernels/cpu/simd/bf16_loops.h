// The loops that read and write bfloat16 (as its 16 bits) and compute in float32. Like table.h: nothing here whose
// inline functions other files share.
#pragma once
#include <cstdint>

namespace fledge::cpu {

// Batch norm on rows x c, as NormApplyArgs and the others of table.h.
struct Bf16NormApplyArgs {
  const std::uint16_t *x, *residual;  // residual null or like x
  std::uint16_t* y;
  const float *mean, *scale, *beta;  // c
  float lo, hi;
};
struct Bf16NormReduceArgs {
  const std::uint16_t *dy, *x, *y;  // y null: no mask
  std::uint16_t* dz;                // masked dy, written when not null
  const float* mean;                // c
  float lo, hi;
  double *sum_dz, *sum_dz_x;  // c, added to
};
struct Bf16NormGradArgs {
  const std::uint16_t *dy, *x, *y;  // x null: without the terms of m1, m2
  std::uint16_t *dx, *dz;           // each nullable
  const float *mean, *scale, *m1, *m2;
  float lo, hi;
};

struct Bf16Loops {
  // scratch: 2c floats.
  void (*column_moments)(const std::uint16_t* x, const float* shift, std::int64_t rows, std::int64_t c, double* sum1,
                         double* sum2, float* scratch);
  void (*norm_apply)(const Bf16NormApplyArgs&, std::int64_t begin, std::int64_t end, std::int64_t c);
  void (*norm_reduce)(const Bf16NormReduceArgs&, std::int64_t begin, std::int64_t end, std::int64_t c, float* scratch);
  void (*norm_grad)(const Bf16NormGradArgs&, std::int64_t begin, std::int64_t end, std::int64_t c);
};

}  // namespace fledge::cpu
