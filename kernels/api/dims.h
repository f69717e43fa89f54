// Dims: up to six sizes (or strides) by value, without a heap allocation.
#pragma once
#include <cassert>
#include <cstdint>
#include <initializer_list>
#include <string>

namespace fledge {

class Dims {
 public:
  static constexpr int kMaxRank = 6;

  Dims() = default;
  Dims(std::initializer_list<std::int64_t> values) {
    assert(values.size() <= kMaxRank);
    for (std::int64_t v : values) values_[rank_++] = v;
  }
  /// `rank` entries, all equal to `value`.
  static Dims filled(int rank, std::int64_t value) {
    Dims d;
    for (int i = 0; i < rank; ++i) d.push_back(value);
    return d;
  }

  int rank() const { return rank_; }
  std::int64_t operator[](int i) const { return values_[i]; }
  std::int64_t& operator[](int i) { return values_[i]; }
  const std::int64_t* begin() const { return values_; }
  const std::int64_t* end() const { return values_ + rank_; }
  void push_back(std::int64_t v) {
    assert(rank_ < kMaxRank);
    values_[rank_++] = v;
  }

  /// Product of the sizes; 1 for rank 0 (a scalar).
  std::int64_t numel() const {
    std::int64_t n = 1;
    for (int i = 0; i < rank_; ++i) n *= values_[i];
    return n;
  }

  friend bool operator==(const Dims& a, const Dims& b) {
    if (a.rank_ != b.rank_) return false;
    for (int i = 0; i < a.rank_; ++i)
      if (a.values_[i] != b.values_[i]) return false;
    return true;
  }

 private:
  std::int64_t values_[kMaxRank] = {};
  int rank_ = 0;
};

/// "8x64x56x56" of any list of sizes; "scalar" of an empty one.
template <class Sizes>
std::string sizes_text(const Sizes& sizes) {
  std::string s;
  for (const std::int64_t size : sizes) s += (s.empty() ? "" : "x") + std::to_string(size);
  return s.empty() ? "scalar" : s;
}
inline std::string to_string(const Dims& d) { return sizes_text(d); }

/// How often a window of `size` fits into `in` and its two paddings when it moves on by `stride`: the output size of
/// convolutions and pools.
constexpr std::int64_t window_positions(std::int64_t in, std::int64_t size, std::int64_t stride, std::int64_t pad_begin,
                                        std::int64_t pad_end) {
  return (in + pad_begin + pad_end - size) / stride + 1;
}

/// Row-major strides: the last axis is contiguous.
inline Dims contiguous_strides(const Dims& dims) {
  Dims s = Dims::filled(dims.rank(), 1);
  for (int i = dims.rank() - 2; i >= 0; --i) s[i] = s[i + 1] * dims[i + 1];
  return s;
}

/// Strides of logical N,C,H,W (or K,C,R,S) stored N,H,W,C: the channel axis is contiguous. Rank 4 only.
inline Dims channels_last_strides(const Dims& dims) {
  assert(dims.rank() == 4);
  return {dims[1] * dims[2] * dims[3], 1, dims[3] * dims[1], dims[1]};
}

}  // namespace fledge
