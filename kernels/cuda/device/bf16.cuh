// Loading and storing T (float or bf16) as float.
#pragma once
#include <cuda_bf16.h>

namespace fledge::cuda {

using bf16 = __nv_bfloat16;

__device__ inline float to_float(float v) { return v; }
__device__ inline float to_float(bf16 v) { return __bfloat162float(v); }

template <class T>
__device__ inline T from_float(float v);
template <>
__device__ inline float from_float<float>(float v) {
  return v;
}
template <>
__device__ inline bf16 from_float<bf16>(float v) {
  return __float2bfloat16_rn(v);
}

}  // namespace fledge::cuda
