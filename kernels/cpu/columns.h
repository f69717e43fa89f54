// Channels-last data as a matrix of rows x C with per-column parameters, widened for narrow C: several rows are read as
// one, so that vectors are full and the sums' chains independent (8 channels would fill half an AVX-512 register).
#pragma once
#include <cstdint>
#include <numeric>

namespace fledge::cpu {

struct Columns {
  std::int64_t c, fold;    // `fold` rows of c are read as one of width()
  std::int64_t wide_rows;  // how many of those
  std::int64_t rest;       // rows left over after them, of width c

  Columns(std::int64_t rows, std::int64_t channels) : c(channels), fold(1) {
    constexpr std::int64_t kVector = 16, kWidth = 128, kMost = 4096;
    const std::int64_t even = kVector / std::gcd(c, kVector);  // rows until the width is whole vectors
    if (c < kWidth || c % kVector) fold = even * (c * even < kWidth ? kWidth / (c * even) : 1);
    if (c * fold > kMost || rows < 2 * fold) fold = 1;
    wide_rows = rows / fold;
    rest = rows % fold;
  }
  std::int64_t width() const { return c * fold; }
  std::int64_t rest_offset() const { return wide_rows * width(); }

  /// pass(begin, end, width) over so many rows of c, whole wide ones first.
  template <class F>
  void over(std::int64_t rows, F pass) const {
    const std::int64_t wide = rows / fold;
    pass(std::int64_t{0}, wide, width());
    if (wide * fold < rows) pass(wide * fold, rows, c);
  }
  /// to[i] = from[i mod c] for the whole width; a null `from` repeats `value`.
  void repeat(const float* from, float* to, float value = 0) const {
    for (std::int64_t f = 0; f < fold; ++f)
      for (std::int64_t k = 0; k < c; ++k) to[f * c + k] = from ? from[k] : value;
  }
  /// Adds the `fold` copies of every column of `wide` together: column k of the result is in wide[k].
  void sum_copies(double* wide) const {
    for (std::int64_t f = 1; f < fold; ++f)
      for (std::int64_t k = 0; k < c; ++k) wide[k] += wide[f * c + k];
  }
};

}  // namespace fledge::cpu
