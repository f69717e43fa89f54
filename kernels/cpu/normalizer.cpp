#include "kernels/cpu/normalizer.h"

#include <algorithm>
#include <bit>

#include "kernels/cpu/isa.h"

namespace fledge::cpu {

Normalizer::Normalizer(const NormalizeParams& params) : params_(params) {
  for (int i = 0; i < kMost; ++i) {
    mean_[i] = params.mean[i % 3], std_[i] = params.std[i % 3];
    inverse_[i] = 1.0f / std_[i];
  }
  by_products_ = agrees_with_division();
}

/// Products with reciprocals give the quotient nearly always: there are no more than 768 cases to look at.
bool Normalizer::agrees_with_division() const {
  constexpr int kAll = 256 * 3;
  std::uint8_t bytes[kAll];
  float divided[kAll], multiplied[kAll];
  for (int i = 0; i < kAll; ++i) bytes[i] = static_cast<std::uint8_t>(i / 3);
  NormalizeArgs a = args();
  a.by_products = false;
  simd().normalize(bytes, divided, kAll, a);
  a.by_products = true;
  simd().normalize(bytes, multiplied, kAll, a);
  return std::equal(divided, divided + kAll, multiplied, [](float a, float b) {
    return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b);
  });
}

const Normalizer& Normalizer::of(const NormalizeParams& params) {
  static thread_local Normalizer kept(params);
  const NormalizeParams& had = kept.params_;
  if (!std::equal(params.mean, params.mean + 3, had.mean) || !std::equal(params.std, params.std + 3, had.std))
    kept = Normalizer(params);
  return kept;
}

void Normalizer::run(const std::uint8_t* pixels, float* to, std::int64_t n) const {
  simd().normalize(pixels, to, n, args());
}

}  // namespace fledge::cpu
