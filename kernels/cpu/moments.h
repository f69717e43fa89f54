// Means and sums of squared differences of the columns of channels-last data: what batch norm's statistics are made of.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <vector>

#include "kernels/api/exec_context.h"
#include "kernels/cpu/allocator.h"
#include "kernels/cpu/columns.h"

namespace fledge::cpu {

/// Mean of a few rows spread over the data, near enough to the mean for the squares not to cancel. at(i): element i.
template <class F>
void choose_shift(std::int64_t rows, std::int64_t c, F at, float* shift) {
  const std::int64_t samples = std::min<std::int64_t>(rows, 16);
  for (std::int64_t k = 0; k < c; ++k) {
    double s = 0;
    for (std::int64_t i = 0; i < samples; ++i) s += at((rows / samples) * i * c + k);
    shift[k] = static_cast<float>(s / static_cast<double>(samples));
    if (!std::isfinite(shift[k])) shift[k] = 0;
  }
}

/// Of one column: mean, and sum of squared differences from it.
struct ColumnMoments {
  double mean, squares;
};
/// From the sums of x - shift and of its square over `rows` values.
ColumnMoments moments_about(double shift, double sum, double sum_of_squares, std::int64_t rows);

/// The moments of a convolution's output, taken piece by piece while each lies in the cache. The pieces belong to parts
/// (kernels/cpu/parallel.h: sum_parts), and those of a part come in order: the division alone decides about the bits.
class OutputMoments {
 public:
  /// Floats of a piece that is worth reading again at once. Measured: 2 to 128 KiB, the least at 32 and 64.
  static constexpr std::int64_t kNearFloats = 8 * 1024;

  OutputMoments(std::int64_t rows, std::int64_t channels);

  void begin(int parts);
  bool begun() const { return !rows_.empty(); }
  void forget() { rows_.clear(); }
  /// The next rows of a part, dense, just written.
  void add(int part, const float* y, std::int64_t rows);
  /// All rows at once, from memory.
  void pass(const ExecContext& ctx, const float* y);
  /// 2 x channels: means, sums of squares.
  void write(double* moments) const;

 private:
  /// Of a part, each the width of `columns_`; sums of y - shift.
  double* sum(int part) const { return static_cast<double*>(memory_->data) + 2 * columns_.width() * part; }
  double* squares(int part) const { return sum(part) + columns_.width(); }
  float* shift(int part) const {
    return reinterpret_cast<float*>(sum(static_cast<int>(rows_.size()))) + 3 * columns_.width() * part;
  }
  float* scratch(int part) const { return shift(part) + columns_.width(); }
  void choose_shift_of(int part, const float* y, std::int64_t rows) const;

  Columns columns_;
  std::vector<std::int64_t> rows_;  // of each part so far
  std::optional<Lent> memory_;
};

}  // namespace fledge::cpu
