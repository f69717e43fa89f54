// 16 bytes of T at a time, as floats: one memory transaction a thread.
#pragma once
#include <cstdint>

#include "kernels/cuda/device/bf16.cuh"

namespace fledge::cuda {

/// Elements of T in 16 bytes: 4 floats, 8 bf16.
template <class T>
inline constexpr int kPack = 16 / static_cast<int>(sizeof(T));

/// N consecutive elements, aligned to their size. N: a power of two, N * sizeof(T) <= 16.
template <class T, int N>
struct alignas(N * sizeof(T)) Pack {
  T value[N];
};

template <int N, class T>
__device__ inline void load(const T* from, float (&to)[N]) {
  const Pack<T, N> p = *reinterpret_cast<const Pack<T, N>*>(from);
#pragma unroll
  for (int i = 0; i < N; ++i) to[i] = to_float(p.value[i]);
}

template <int N, class T>
__device__ inline void store(T* to, const float (&from)[N]) {
  Pack<T, N> p;
#pragma unroll
  for (int i = 0; i < N; ++i) p.value[i] = from_float<T>(from[i]);
  *reinterpret_cast<Pack<T, N>*>(to) = p;
}

/// Can rows of `columns` elements that start at these pointers be read N at a time?
template <int N, class T>
inline bool packable(std::int64_t columns, const T* a) {
  return columns % N == 0 && reinterpret_cast<std::uintptr_t>(a) % (N * sizeof(T)) == 0;
}
template <int N, class T, class... Rest>
inline bool packable(std::int64_t columns, const T* a, const Rest*... rest) {
  return packable<N>(columns, a) && packable<N>(columns, rest...);
}

}  // namespace fledge::cuda
