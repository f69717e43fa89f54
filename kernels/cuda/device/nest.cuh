// Nest: the axes of several views of one shape, as kernels walk them. Made on the host: unit axes dropped, ordered by
// the first view's strides, merged wherever every view can step over two at once: one layout is one flat axis.
// Passed to kernels by value.
#pragma once
#include <array>

#include "kernels/api/tensor_view.h"
#include "kernels/cuda/runtime/runtime.h"

namespace fledge::cuda {

/// Quotients of numbers below 2^31 by one divisor: multiply, add, shift (Granlund & Montgomery 1994).
struct Divisor {
  std::uint32_t multiplier = 1, shift = 0;

  Divisor() = default;
  explicit Divisor(std::uint32_t divisor) {
    while ((std::uint64_t{1} << shift) < divisor) ++shift;
    multiplier =
        static_cast<std::uint32_t>(((std::uint64_t{1} << 32) * ((std::uint64_t{1} << shift) - divisor)) / divisor) + 1;
  }
  __device__ std::uint32_t divide(std::uint32_t n) const {
    return (static_cast<std::uint32_t>((std::uint64_t{n} * multiplier) >> 32) + n) >> shift;
  }
};

template <int VIEWS>
struct Nest {
  static constexpr int kMaxRank = Dims::kMaxRank;

  std::int64_t numel = 1;
  int rank = 0;                 // at least 1 once made
  std::int64_t size[kMaxRank];  // innermost first
  std::int64_t stride[kMaxRank][VIEWS];
  Divisor divisor[kMaxRank];

  Nest(const Dims& dims, const std::array<const Dims*, VIEWS>& strides) : numel(dims.numel()) {
    for (int i = 0; i < dims.rank(); ++i) {
      if (dims[i] == 1 || numel == 0) continue;
      int at = rank++;
      for (; at > 0 && stride[at - 1][0] > (*strides[0])[i]; --at) copy_axis(at - 1, at);
      size[at] = dims[i];
      for (int v = 0; v < VIEWS; ++v) stride[at][v] = (*strides[v])[i];
    }
    if (rank == 0) single();
    int last = 0;
    for (int i = 1; i < rank; ++i) {
      if (joins(last, i))
        size[last] *= size[i];
      else
        copy_axis(i, ++last);
    }
    rank = last + 1;
    set_divisors();
  }

  /// Every view is one gapless run, in the same order.
  bool is_flat() const {
    for (int v = 0; v < VIEWS; ++v)
      if (size[0] != 1 && stride[0][v] != 1) return false;
    return rank == 1;
  }
  /// Can the innermost axis be walked n elements at a time, each view stepping by 1 or (but the first) standing still?
  bool steps_by(int n) const {
    if (size[0] % n != 0 || stride[0][0] != 1) return false;
    for (int v = 0; v < VIEWS; ++v) {
      if (stride[0][v] == 0) continue;
      if (stride[0][v] != 1) return false;
      for (int i = 1; i < rank; ++i)
        if (stride[i][v] % n != 0) return false;
    }
    return true;
  }
  /// The same nest over packs of n elements.
  Nest packed(int n) const {
    Nest packs = *this;
    packs.numel /= n;
    packs.size[0] /= n;
    for (int v = 0; v < VIEWS; ++v) packs.stride[0][v] *= n;
    packs.set_divisors();
    return packs;
  }

  /// Element offsets of index tuple number `index` of [0, numel).
  __device__ void offsets(std::int64_t index, std::int64_t (&at)[VIEWS]) const {
#pragma unroll
    for (int v = 0; v < VIEWS; ++v) at[v] = 0;
    const bool narrow = numel < std::int64_t{1} << 31;
#pragma unroll
    for (int i = 0; i < kMaxRank; ++i) {
      if (i < rank - 1) {
        const std::int64_t quotient =
            narrow ? static_cast<std::int64_t>(divisor[i].divide(static_cast<std::uint32_t>(index))) : index / size[i];
        const std::int64_t here = index - quotient * size[i];
#pragma unroll
        for (int v = 0; v < VIEWS; ++v) at[v] += here * stride[i][v];
        index = quotient;
      } else if (i == rank - 1) {
#pragma unroll
        for (int v = 0; v < VIEWS; ++v) at[v] += index * stride[i][v];
      }
    }
  }

 private:
  void single() {
    rank = 1;
    size[0] = 1;
    for (int v = 0; v < VIEWS; ++v) stride[0][v] = 1;
  }
  void copy_axis(int from, int to) {
    size[to] = size[from];
    for (int v = 0; v < VIEWS; ++v) stride[to][v] = stride[from][v];
  }
  bool joins(int inner, int outer) const {
    for (int v = 0; v < VIEWS; ++v)
      if (stride[outer][v] != stride[inner][v] * size[inner]) return false;
    return true;
  }
  void set_divisors() {
    for (int i = 0; i < rank; ++i)
      if (size[i] < std::int64_t{1} << 31) divisor[i] = Divisor(static_cast<std::uint32_t>(size[i]));
  }
};

}  // namespace fledge::cuda
