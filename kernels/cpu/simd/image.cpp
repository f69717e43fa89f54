// Pixels to numbers. Three vectors are the fewest that begin at a whole pixel.
#include "kernels/cpu/simd/families.h"
#include "kernels/cpu/simd/vec.h"

namespace fledge::cpu::FLEDGE_ISA {
namespace {

constexpr int kGroup = 3 * kLanes;

FLEDGE_INLINE V load_bytes(const std::uint8_t* p) {
#if FLEDGE_VEC_BYTES == 64
  return V(_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))));
#elif FLEDGE_VEC_BYTES == 32
  return V(_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)))));
#else
  int four;
  __builtin_memcpy(&four, p, sizeof four);
  return V(_mm_cvtepi32_ps(_mm_cvtepu8_epi32(_mm_cvtsi32_si128(four))));
#endif
}

/// The quotients themselves.
struct Divide {
  static FLEDGE_INLINE V of(V value, V mean, V std, V) { return (value / 255.0f - mean) / std; }
};

/// With one rounding for a product and a sum this is the quotient nearly always, and three times as fast.
struct ByProducts {
  static FLEDGE_INLINE V of(V value, V mean, V std, V inverse) {
    const V part = set1(1.0f / 255.0f), near = value * part;
    const V share = fma(fma(-near, set1(255.0f), value), part, near);
    const V centered = share - mean, quotient = centered * inverse;
    return fma(fma(-quotient, std, centered), inverse, quotient);
  }
};

/// What the arrays hold, in registers.
struct Constants {
  V mean[3], std[3], inverse[3];

  explicit FLEDGE_INLINE Constants(const NormalizeArgs& a) {
#pragma GCC unroll 3
    for (int k = 0; k < 3; ++k) {
      mean[k] = load(a.mean + k * kLanes), std[k] = load(a.std + k * kLanes);
      inverse[k] = load(a.inverse + k * kLanes);
    }
  }
};

template <class How>
FLEDGE_INLINE void group(const std::uint8_t* x, float* y, const Constants& c) {
#pragma GCC unroll 3
  for (int k = 0; k < 3; ++k)
    store(y + k * kLanes, How::of(load_bytes(x + k * kLanes), c.mean[k], c.std[k], c.inverse[k]));
}

template <class How>
void normalize_with(const std::uint8_t* x, float* y, std::int64_t n, const NormalizeArgs& a) {
  const Constants c(a);
  std::int64_t i = 0;
  for (; i + kGroup <= n; i += kGroup) group<How>(x + i, y + i, c);
  if (i == n) return;
  if (n >= kGroup) return group<How>(x + n - kGroup, y + n - kGroup, c);  // some of it once more
  std::uint8_t bytes[kGroup] = {};
  float numbers[kGroup];
  __builtin_memcpy(bytes, x, static_cast<std::size_t>(n));
  group<How>(bytes, numbers, c);
  __builtin_memcpy(y, numbers, static_cast<std::size_t>(n) * sizeof(float));
}

void normalize(const std::uint8_t* x, float* y, std::int64_t n, const NormalizeArgs& a) {
  a.by_products ? normalize_with<ByProducts>(x, y, n, a) : normalize_with<Divide>(x, y, n, a);
}

}  // namespace

void fill_image(SimdTable& t) { t.normalize = &normalize; }

}  // namespace fledge::cpu::FLEDGE_ISA
