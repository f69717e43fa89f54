#include "kernels/cpu/moments.h"

#include <bit>

#include "kernels/cpu/isa.h"
#include "kernels/cpu/parallel.h"

namespace fledge::cpu {

ColumnMoments moments_about(double shift, double sum, double sum_of_squares, std::int64_t rows) {
  const double count = static_cast<double>(rows);
  // NaN goes through, rounding below zero does not.
  return {shift + sum / count, std::max(sum_of_squares - sum * sum / count, sum_of_squares * 0.0)};
}

OutputMoments::OutputMoments(std::int64_t rows, std::int64_t channels) : columns_(rows, channels) {}

void OutputMoments::begin(int parts) {
  const auto width = static_cast<std::size_t>(columns_.width()), n = static_cast<std::size_t>(parts);
  memory_.emplace(n * width * (2 * sizeof(double) + 3 * sizeof(float)));
  rows_.assign(n, 0);
  std::fill_n(sum(0), 2 * n * width, 0.0);
}

void OutputMoments::choose_shift_of(int part, const float* y, std::int64_t rows) const {
  choose_shift(
      rows, columns_.c, [y](std::int64_t i) { return y[i]; }, scratch(part));
  for (std::int64_t k = 0; k < columns_.c; ++k) {  // of half the bits: differences from it round less
    float& s = scratch(part)[k];
    s = std::bit_cast<float>(std::bit_cast<std::uint32_t>(s) & 0xFFFFF000u);
  }
  columns_.repeat(scratch(part), shift(part));
}

void OutputMoments::add(int part, const float* y, std::int64_t rows) {
  std::int64_t& before = rows_[static_cast<std::size_t>(part)];
  if (before == 0) choose_shift_of(part, y, rows);
  before += rows;
  const std::int64_t wide = rows / columns_.fold, rest = rows % columns_.fold, width = columns_.width();
  simd().column_moments_near(y, shift(part), wide, width, sum(part), squares(part));
  if (rest) simd().column_moments_near(y + wide * width, shift(part), rest, columns_.c, sum(part), squares(part));
}

void OutputMoments::pass(const ExecContext& ctx, const float* y) {
  const int parts = sum_parts(ctx, columns_.wide_rows, row_grain(columns_.width()));
  begin(parts);
  parallel_sum(ctx, parts, columns_.wide_rows, [&](int part, std::int64_t begin, std::int64_t end) {
    const float* first = y + begin * columns_.width();
    const std::int64_t rows = rows_[static_cast<std::size_t>(part)] = (end - begin) * columns_.fold;
    choose_shift_of(part, first, rows);
    simd().column_moments(first, shift(part), end - begin, columns_.width(), sum(part), squares(part), scratch(part));
  });
  if (columns_.rest) add(parts - 1, y + columns_.rest_offset(), columns_.rest);
}

/// Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances" (1979): two
/// sets' squares add up to their union's but for the difference of the means.
void OutputMoments::write(double* moments) const {
  for (std::int64_t k = 0, c = columns_.c; k < c; ++k) {
    double count = 0, total = 0, all_squares = 0;
    for (int part = 0; part < static_cast<int>(rows_.size()); ++part) {
      const std::int64_t n = rows_[static_cast<std::size_t>(part)];
      if (n == 0) continue;
      double of_shifted = 0, squared = 0;
      for (std::int64_t i = k; i < columns_.width(); i += c) of_shifted += sum(part)[i], squared += squares(part)[i];
      const double rows = static_cast<double>(n);
      const auto [mean, own] = moments_about(shift(part)[k], of_shifted, squared, n);
      if (count > 0) {
        const double apart = mean - total / count;
        all_squares += apart * apart * (count * rows / (count + rows));
      }
      all_squares += own;
      total += mean * rows;
      count += rows;
    }
    moments[k] = total / count;
    moments[c + k] = all_squares;
  }
}

}  // namespace fledge::cpu
