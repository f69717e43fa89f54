// The weights of a resampling along one axis, as Pillow's precompute_coeffs and normalize_coeffs_8bpc make them.
#pragma once
#include <cstdint>
#include <vector>

namespace fledge {

constexpr int kResizePrecision = 32 - 8 - 2;  // 8-bit pixels, 2 bits to spare
constexpr int kLowBits = 15;                  // of a weight, so that its low half is a signed 16-bit number too

struct ResizeCoefficients {
  int taps = 0;                       // weights kept for each output position, padded with zeros
  std::vector<std::int32_t> first;    // first input position of an output position
  std::vector<std::int32_t> count;    // number of weights that are not padding
  std::vector<std::int32_t> weights;  // taps for each output position, fixed point

  /// From `in_size` positions, of which [from, to) is stretched over `out_size`.
  /// The vectors keep their memory between calls.
  void fill(int in_size, float from, float to, int out_size) { fill(in_size, from, to, out_size, 0, out_size); }
  /// Only those of the output positions [first_out, first_out + outs): equal to these of all.
  void fill(int in_size, float from, float to, int out_size, int first_out, int outs);
  int begin() const { return first.front(); }
  int end() const { return first.back() + count.back(); }

  /// Of an input whose positions are counted from elsewhere: `by` is added to each.
  void shift(int by);
  /// The output positions in reverse order.
  void mirror();
  /// Makes `halves` of the weights.
  void pair();
  /// The weights w = high * 2^kLowBits + low of two neighbors at a time, two 16-bit numbers in each integer: for each
  /// output position `pairs` times their lows, then their highs. Where a count is odd, 0 stands for the last neighbor.
  int pairs = 0;
  std::vector<std::int32_t> halves;

 private:
  std::vector<double> real_;
};

}  // namespace fledge
