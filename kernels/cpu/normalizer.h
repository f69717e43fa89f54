// Bytes of pixels to numbers (kernels/api/image.h), with the bits of the plain formula.
#pragma once
#include <cstdint>

#include "kernels/api/image.h"
#include "kernels/cpu/simd/table.h"

namespace fledge::cpu {

class Normalizer {
 public:
  explicit Normalizer(const NormalizeParams& params);
  /// The calling thread's own, kept until it asks for another: pictures are of one kind, as a rule.
  static const Normalizer& of(const NormalizeParams& params);

  /// n bytes, whole pixels.
  void run(const std::uint8_t* pixels, float* to, std::int64_t n) const;

 private:
  static constexpr int kMost = 48;  // 3 vectors of 16
  NormalizeArgs args() const { return {mean_, std_, inverse_, by_products_}; }
  bool agrees_with_division() const;

  NormalizeParams params_;
  float mean_[kMost], std_[kMost], inverse_[kMost];
  bool by_products_ = false;
};

}  // namespace fledge::cpu
