// Philox4x32-10: a keyed bijection of 128-bit counters, so random access to random numbers.
// Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
#pragma once
#include <emmintrin.h>

#include <array>
#include <cstdint>

namespace fledge {

using PhiloxBlock = std::array<std::uint32_t, 4>;

constexpr PhiloxBlock philox4x32_10(PhiloxBlock counter, std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{0xD2511F53} * counter[0], b = std::uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<std::uint32_t>(b >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(b),
               static_cast<std::uint32_t>(a >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(a)};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return counter;
}

/// The block of a 64-bit key at a 64-bit block number, as two 64-bit words.
constexpr std::array<std::uint64_t, 2> philox_words(std::uint64_t key, std::uint64_t block) {
  const PhiloxBlock b =
      philox4x32_10({static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32), 0, 0},
                    {static_cast<std::uint32_t>(key), static_cast<std::uint32_t>(key >> 32)});
  return {b[0] | std::uint64_t{b[1]} << 32, b[2] | std::uint64_t{b[3]} << 32};
}

/// philox_words of kPhiloxBlocks blocks in a row, side by side: a quarter of the time.
inline constexpr int kPhiloxBlocks = 4;
inline void philox_words(std::uint64_t key, std::uint64_t block, std::uint64_t (&words)[2 * kPhiloxBlocks]) {
  constexpr int kPairs = kPhiloxBlocks / 2;
  const auto both = [](std::uint64_t v) { return _mm_set1_epi64x(static_cast<long long>(v)); };
  __m128i c[kPairs][4];  // two blocks; a word is the lower half of 64 bits, what is above it does not count
  for (int p = 0; p < kPairs; ++p) {
    const auto first = static_cast<long long>(block + 2 * static_cast<std::uint64_t>(p));
    c[p][0] = _mm_set_epi64x(first + 1, first);
    c[p][1] = _mm_srli_epi64(c[p][0], 32);
    c[p][2] = c[p][3] = _mm_setzero_si128();
  }
  auto key0 = static_cast<std::uint32_t>(key), key1 = static_cast<std::uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round, key0 += 0x9E3779B9, key1 += 0xBB67AE85)
    for (auto& v : c) {
      const __m128i a = _mm_mul_epu32(v[0], both(0xD2511F53)), b = _mm_mul_epu32(v[2], both(0xCD9E8D57));
      v[0] = _mm_xor_si128(_mm_xor_si128(_mm_srli_epi64(b, 32), v[1]), both(key0));
      v[2] = _mm_xor_si128(_mm_xor_si128(_mm_srli_epi64(a, 32), v[3]), both(key1));
      v[1] = b;
      v[3] = a;
    }
  for (int p = 0; p < kPairs; ++p) {
    const auto joined = [&](int low) {
      return _mm_or_si128(_mm_and_si128(c[p][low], both(0xffffffff)), _mm_slli_epi64(c[p][low + 1], 32));
    };
    const __m128i even = joined(0), odd = joined(2);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(words + 4 * p), _mm_unpacklo_epi64(even, odd));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(words + 4 * p + 2), _mm_unpackhi_epi64(even, odd));
  }
}

}  // namespace fledge
