// LoopNest: the axes of several views of one shape, with unit axes dropped, ordered by the first view's strides
// (outermost first), and merged wherever every view can step over both at once. A same-layout problem becomes one flat
// loop, a bias over channels becomes rows x columns, and so on.
#pragma once
#include <array>
#include <cstdint>

#include "kernels/api/tensor_view.h"

namespace fledge::cpu {

template <int VIEWS>
struct LoopNest {
  struct Axis {
    std::int64_t size;
    std::array<std::int64_t, VIEWS> strides;
  };
  std::array<Axis, Dims::kMaxRank> axes;
  int rank = 0;  // 0: a single element

  LoopNest(const Dims& dims, const std::array<const Dims*, VIEWS>& strides) {
    for (int i = 0; i < dims.rank(); ++i) {
      if (dims[i] == 1) continue;
      Axis axis{dims[i], {}};
      for (int v = 0; v < VIEWS; ++v) axis.strides[v] = (*strides[v])[i];
      int at = rank++;
      for (; at > 0 && axes[at - 1].strides[0] < axis.strides[0]; --at) axes[at] = axes[at - 1];
      axes[at] = axis;
    }
    int merged = 0;
    for (int i = 1; i < rank; ++i) {
      if (joins(axes[merged], axes[i])) {
        const std::int64_t size = axes[merged].size * axes[i].size;
        axes[merged] = axes[i];
        axes[merged].size = size;
      } else {
        axes[++merged] = axes[i];
      }
    }
    if (rank > 0) rank = merged + 1;
  }

  /// The innermost axis; a single element counts as a run of one.
  Axis inner() const { return rank > 0 ? axes[rank - 1] : Axis{1, unit()}; }
  /// Runs of the innermost axis.
  std::int64_t outer_size() const {
    std::int64_t n = 1;
    for (int i = 0; i + 1 < rank; ++i) n *= axes[i].size;
    return n;
  }
  /// Element offsets of run number `index`.
  std::array<std::int64_t, VIEWS> offsets(std::int64_t index) const {
    std::array<std::int64_t, VIEWS> o{};
    for (int i = rank - 2; i >= 0; --i) {
      const std::int64_t at = index % axes[i].size;
      index /= axes[i].size;
      for (int v = 0; v < VIEWS; ++v) o[v] += at * axes[i].strides[v];
    }
    return o;
  }

 private:
  static std::array<std::int64_t, VIEWS> unit() {
    std::array<std::int64_t, VIEWS> s;
    s.fill(1);
    return s;
  }
  static bool joins(const Axis& outer, const Axis& inner) {
    for (int v = 0; v < VIEWS; ++v)
      if (outer.strides[v] != inner.strides[v] * inner.size) return false;
    return true;
  }
};

}  // namespace fledge::cpu
