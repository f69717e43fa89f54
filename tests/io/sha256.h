// SHA-256 (FIPS 180-4), to compare tensors with the fixtures' recorded digests.
#pragma once
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

namespace fledge::test {

/// The first 32 bits of the fraction of the root of the n-th prime; exact because long double holds enough of it.
inline std::uint32_t prime_fraction(int n, bool cube) {
  int prime = 1;
  for (int found = -1; found < n;) {
    ++prime;
    bool is_prime = true;
    for (int d = 2; d * d <= prime; ++d) is_prime &= prime % d != 0;
    found += is_prime;
  }
  const long double root =
      cube ? std::cbrt(static_cast<long double>(prime)) : std::sqrt(static_cast<long double>(prime));
  return static_cast<std::uint32_t>((root - std::floor(root)) * 4294967296.0L);
}

inline std::string sha256(const void* data, std::size_t size) {
  static const std::vector<std::uint32_t> k = [] {
    std::vector<std::uint32_t> v;
    for (int i = 0; i < 64; ++i) v.push_back(prime_fraction(i, true));
    return v;
  }();
  std::uint32_t h[8];
  for (int i = 0; i < 8; ++i) h[i] = prime_fraction(i, false);
  const auto* bytes = static_cast<const std::uint8_t*>(data);
  std::vector<std::uint8_t> m(bytes, bytes + size);
  m.push_back(0x80);
  while (m.size() % 64 != 56) m.push_back(0);
  for (int i = 7; i >= 0; --i) m.push_back(static_cast<std::uint8_t>(std::uint64_t{size} * 8 >> (8 * i)));
  for (std::size_t at = 0; at < m.size(); at += 64) {
    std::uint32_t w[64];
    for (int i = 0; i < 16; ++i)
      w[i] = std::uint32_t{m[at + 4 * i]} << 24 | m[at + 4 * i + 1] << 16 | m[at + 4 * i + 2] << 8 | m[at + 4 * i + 3];
    for (int i = 16; i < 64; ++i)
      w[i] = w[i - 16] + w[i - 7] + (std::rotr(w[i - 15], 7) ^ std::rotr(w[i - 15], 18) ^ w[i - 15] >> 3) +
             (std::rotr(w[i - 2], 17) ^ std::rotr(w[i - 2], 19) ^ w[i - 2] >> 10);
    std::uint32_t s[8];
    for (int i = 0; i < 8; ++i) s[i] = h[i];
    for (int i = 0; i < 64; ++i) {
      const std::uint32_t a = s[0], e = s[4];
      const std::uint32_t t1 =
          s[7] + (std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25)) + ((e & s[5]) ^ (~e & s[6])) + k[i] + w[i];
      const std::uint32_t t2 =
          (std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22)) + ((a & s[1]) ^ (a & s[2]) ^ (s[1] & s[2]));
      for (int j = 7; j > 0; --j) s[j] = s[j - 1];
      s[4] += t1;
      s[0] = t1 + t2;
    }
    for (int i = 0; i < 8; ++i) h[i] += s[i];
  }
  char text[65];
  for (int i = 0; i < 8; ++i) std::snprintf(text + 8 * i, 9, "%08x", h[i]);
  return text;
}

}  // namespace fledge::test
