// How the reference kernels walk over views of any strides: an element accessor, and one loop over all index tuples.
#pragma once
#include <array>
#include <utility>

#include "kernels/api/tensor_view.h"

namespace fledge::ref {

using std::int64_t;

/// at<T>(view, n, c, h, w): the element of a view by its logical indices.
template <class T, class... Index>
T& at(const TensorView& v, Index... index) {
  int axis = 0;
  int64_t offset = 0;
  ((offset += v.strides[axis++] * static_cast<int64_t>(index)), ...);
  return v.as<T>()[offset];
}

/// Calls f(o1, o2, ...) once per index tuple of `dims`, row-major; o_i is the element offset under the i-th strides.
template <class F, class... Strides>
void for_each(const Dims& dims, F&& f, const Strides&... strides) {
  constexpr std::size_t kViews = sizeof...(Strides);
  const std::array<const Dims*, kViews> all{&strides...};
  std::array<int64_t, kViews> offset{};
  const auto call = [&]<std::size_t... I>(std::index_sequence<I...>) { f(offset[I]...); };
  if (dims.numel() == 0) return;
  if (dims.rank() == 0) return call(std::make_index_sequence<kViews>{});

  const int last = dims.rank() - 1;
  Dims index = Dims::filled(dims.rank(), 0);
  while (true) {
    const auto row = offset;
    for (int64_t i = 0; i < dims[last]; ++i) {
      call(std::make_index_sequence<kViews>{});
      for (std::size_t v = 0; v < kViews; ++v) offset[v] += (*all[v])[last];
    }
    offset = row;
    // The next row: an odometer over the other axes.
    int axis = last - 1;
    for (; axis >= 0; --axis) {
      for (std::size_t v = 0; v < kViews; ++v) offset[v] += (*all[v])[axis];
      if (++index[axis] < dims[axis]) break;
      for (std::size_t v = 0; v < kViews; ++v) offset[v] -= (*all[v])[axis] * dims[axis];
      index[axis] = 0;
    }
    if (axis < 0) return;
  }
}

/// True when the strides address every element of a gapless block exactly once, in whatever axis order.
inline bool is_dense(const TensorView& t) {
  int64_t expected = 1;
  std::array<bool, Dims::kMaxRank> used{};
  for (int step = 0; step < t.dims.rank(); ++step) {
    bool found = false;
    for (int i = 0; i < t.dims.rank() && !found; ++i) {
      if (used[i] || (t.dims[i] != 1 && t.strides[i] != expected)) continue;
      used[i] = found = true;
      expected *= t.dims[i];
    }
    if (!found) return false;
  }
  return true;
}

/// True when both views are dense and lay their elements out in the same order, so that one flat loop serves both.
inline bool same_dense_layout(const TensorView& a, const TensorView& b) {
  if (!is_dense(a) || !is_dense(b)) return false;
  for (int i = 0; i < a.dims.rank(); ++i)
    if (a.dims[i] != 1 && a.strides[i] != b.strides[i]) return false;
  return true;
}

}  // namespace fledge::ref
