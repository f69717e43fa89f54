// Counter-based randomness: a value is a pure function of (key, counter), so any
// order of evaluation gives the same numbers.
#pragma once
#include <cstdint>
#include <initializer_list>
#include <vector>

#include "tensor/tensor.h"

namespace fledge {

/// Philox4x32-10 (Salmon et al. 2011) under a 64-bit key. State is (key, counter) and can be saved.
class Generator {
 public:
  explicit Generator(std::uint64_t key = 0, std::uint64_t counter = 0) : key_(key), counter_(counter) {}
  /// A generator for a named purpose: the key mixes all parts, e.g. {seed, epoch, sample}.
  static Generator of(std::initializer_list<std::uint64_t> parts);

  std::uint64_t next_u64();
  /// Uniform in [0, 1) with 53 bits.
  double uniform();
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  /// Standard normal (Box-Muller).
  double normal();
  /// Uniform integer in [0, n); n > 0. Without modulo bias.
  std::int64_t below(std::int64_t n);
  /// values[i] = below(n), as so many calls one after the other give them, in less time.
  void fill_below(std::int64_t n, std::int64_t* values, std::int64_t count);
  /// Fisher-Yates.
  void shuffle(std::vector<std::int64_t>& values);

  std::uint64_t key() const { return key_; }
  std::uint64_t counter() const { return counter_; }

 private:
  std::uint64_t key_, counter_;
};

/// Filled in logical row-major order, so the layout does not change the values.
Tensor rand_uniform(const Dims& dims, Generator& g, double low = 0, double high = 1, DType dtype = DType::Float32,
                    Layout layout = Layout::Contiguous);
Tensor rand_normal(const Dims& dims, Generator& g, double mean = 0, double std = 1, DType dtype = DType::Float32,
                   Layout layout = Layout::Contiguous);

}  // namespace fledge
