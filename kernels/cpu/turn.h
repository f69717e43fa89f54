// Four numbers of each of four rows, turned: the piece of which transpositions are made.
#pragma once
#include <xmmintrin.h>

#include <cstdint>

namespace fledge::cpu {

/// to[i][j] = from[j][i] for 4 x 4 elements of 4 bytes, whose rows lie so many elements apart.
inline void turn_4x4(const std::uint32_t* from, std::int64_t from_step, std::uint32_t* to, std::int64_t to_step) {
  __m128 r[4];
  for (int i = 0; i < 4; ++i) r[i] = _mm_loadu_ps(reinterpret_cast<const float*>(from + i * from_step));
  _MM_TRANSPOSE4_PS(r[0], r[1], r[2], r[3]);
  for (int i = 0; i < 4; ++i) _mm_storeu_ps(reinterpret_cast<float*>(to + i * to_step), r[i]);
}

inline void turn_4x4(const float* from, std::int64_t from_step, float* to, std::int64_t to_step) {
  turn_4x4(reinterpret_cast<const std::uint32_t*>(from), from_step, reinterpret_cast<std::uint32_t*>(to), to_step);
}

}  // namespace fledge::cpu
