#include "data/views/normalize.h"

#include <algorithm>
#include <bit>
#include <cstdint>

#ifdef __x86_64__
#include <immintrin.h>
#endif

namespace fledge {
namespace {

constexpr int kLanes = 24;  // the fewest floats that are whole pixels and whole registers

/// 3 x 256 possible results: a table is exact, the same operations in the same order. Where a processor multiplies and
/// adds in one rounding, it divides by a product with the reciprocal and a correction, and no number is looked up. That
/// is known to give the quotient itself nearly always; `direct` says that it does for all 768 here.
struct Normalizer {
  Normalization normalization;
  float table[256][3];
  float mean[kLanes], std[kLanes], inverse[kLanes];
  bool direct = false;
};

#ifdef __x86_64__
/// Whole groups of kLanes bytes. Returns how many bytes that were.
__attribute__((target("avx2,fma"))) std::size_t normalize_directly(const Normalizer& n, const std::uint8_t* bytes,
                                                                   std::size_t count, float* out) {
  const __m256 largest = _mm256_set1_ps(255.0f), part = _mm256_set1_ps(1.0f / 255.0f);
  __m256 mean[3], std[3], inverse[3];
  for (int k = 0; k < 3; ++k) {
    mean[k] = _mm256_loadu_ps(n.mean + 8 * k), std[k] = _mm256_loadu_ps(n.std + 8 * k);
    inverse[k] = _mm256_loadu_ps(n.inverse + 8 * k);
  }
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes)
    for (int k = 0; k < 3; ++k) {
      const __m128i eight = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(bytes + i + 8 * k));
      const __m256 value = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(eight)), near = _mm256_mul_ps(value, part);
      const __m256 share = _mm256_fmadd_ps(_mm256_fnmadd_ps(near, largest, value), part, near);
      const __m256 centered = _mm256_sub_ps(share, mean[k]), quotient = _mm256_mul_ps(centered, inverse[k]);
      const __m256 left = _mm256_fnmadd_ps(quotient, std[k], centered);
      _mm256_storeu_ps(out + i + 8 * k, _mm256_fmadd_ps(left, inverse[k], quotient));
    }
  return i;
}

bool can_be_direct(const Normalizer& n) {
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return false;
  std::uint8_t bytes[256 * 3];
  float out[256 * 3];
  for (int i = 0; i < 256 * 3; ++i) bytes[i] = static_cast<std::uint8_t>(i / 3);
  static_assert(sizeof bytes % kLanes == 0);
  normalize_directly(n, bytes, sizeof bytes, out);
  for (int i = 0; i < 256 * 3; ++i)
    if (std::bit_cast<std::uint32_t>(out[i]) != std::bit_cast<std::uint32_t>(n.table[i / 3][i % 3])) return false;
  return true;
}
#else
std::size_t normalize_directly(const Normalizer&, const std::uint8_t*, std::size_t, float*) { return 0; }
bool can_be_direct(const Normalizer&) { return false; }
#endif

Normalizer normalizer_of(const Normalization& n) {
  Normalizer made;
  made.normalization = n;
  for (int v = 0; v < 256; ++v)
    for (int c = 0; c < 3; ++c) made.table[v][c] = (static_cast<float>(v) / 255.0f - n.mean[c]) / n.std[c];
  for (int i = 0; i < kLanes; ++i) {
    made.mean[i] = n.mean[i % 3], made.std[i] = n.std[i % 3];
    made.inverse[i] = 1.0f / made.std[i];
  }
  made.direct = can_be_direct(made);
  return made;
}

/// A thread makes pictures of one kind, as a rule.
const Normalizer& kept_normalizer(const Normalization& n) {
  static thread_local Normalizer kept = normalizer_of(n);
  const Normalization& had = kept.normalization;
  if (!std::equal(n.mean, n.mean + 3, had.mean) || !std::equal(n.std, n.std + 3, had.std)) kept = normalizer_of(n);
  return kept;
}

}  // namespace

void normalize_to(const Image& image, const Normalization& n, float* out) {
  const Normalizer& made = kept_normalizer(n);
  const std::uint8_t* p = image.rgb.data();
  std::size_t i = made.direct ? normalize_directly(made, p, image.rgb.size(), out) : 0;
  for (; i + 2 < image.rgb.size(); i += 3)
    for (int c = 0; c < 3; ++c) out[i + c] = made.table[p[i + c]][c];
}

}  // namespace fledge
