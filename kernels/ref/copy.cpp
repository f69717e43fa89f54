// Copy with cast and fill, for any dtypes and any strides: to[i] = cast(from[i]),  to[i] = cast(value).
#include <cstring>

#include "kernels/ref/cast.h"
#include "kernels/ref/strided.h"
#include "kernels/ref/table.h"

namespace fledge::ref {

void copy(ExecContext&, const TensorView& from, const TensorView& to) {
  const int64_t n = to.numel();
  const bool flat = same_dense_layout(from, to);
  if (flat && from.dtype == to.dtype) {
    if (n > 0) std::memmove(to.data, from.data, static_cast<std::size_t>(n) * size_of(to.dtype));
    return;
  }
  with_type(from.dtype, [&](auto from_type) {
    with_type(to.dtype, [&](auto to_type) {
      using From = decltype(from_type);
      using To = decltype(to_type);
      const From* source = from.as<From>();
      To* target = to.as<To>();
      if (flat) {
        for (int64_t i = 0; i < n; ++i) target[i] = cast<To>(source[i]);
      } else {
        for_each(
            to.dims, [&](int64_t i, int64_t o) { target[o] = cast<To>(source[i]); }, from.strides, to.strides);
      }
    });
  });
}

void fill(ExecContext&, const TensorView& to, double value) {
  with_type(to.dtype, [&](auto type) {
    using T = decltype(type);
    const T v = cast<T>(value);
    for_each(
        to.dims, [&](int64_t o) { to.as<T>()[o] = v; }, to.strides);
  });
}

}  // namespace fledge::ref
