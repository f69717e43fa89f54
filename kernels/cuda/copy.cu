// Copies between any strides and dtypes, and fills: to[i] = cast(from[i]),  to[i] = cast(value).
#include "kernels/cuda/device/cast.cuh"
#include "kernels/cuda/device/elementwise.cuh"
#include "kernels/cuda/device/entries.cuh"
#include "kernels/cuda/overlays.h"

namespace fledge::cuda {
namespace {

constexpr int pack_of(std::size_t bytes) { return static_cast<int>(16 / bytes); }

template <class From, class To>
struct Cast {
  static constexpr int kViews = 2, kPack = pack_of(sizeof(From) > sizeof(To) ? sizeof(From) : sizeof(To));
  static constexpr bool kBroadcasts = true;
  To* to;
  const From* from;

  template <int N>
  __device__ void run(const std::int64_t (&at)[2], const bool (&steps)[2]) const {
    Pack<To, N> result;
    if (steps[1]) {
      const Pack<From, N> values = *reinterpret_cast<const Pack<From, N>*>(from + at[1]);
#pragma unroll
      for (int i = 0; i < N; ++i) result.value[i] = cast<To>(values.value[i]);
    } else {
      const To value = cast<To>(from[at[1]]);
#pragma unroll
      for (int i = 0; i < N; ++i) result.value[i] = value;
    }
    *reinterpret_cast<Pack<To, N>*>(to + at[0]) = result;
  }
};

template <class T>
struct Constant {
  static constexpr int kViews = 1, kPack = pack_of(sizeof(T));
  static constexpr bool kBroadcasts = true;
  T* to;
  T value;

  template <int N>
  __device__ void run(const std::int64_t (&at)[1], const bool (&)[1]) const {
    Pack<T, N> values;
#pragma unroll
    for (int i = 0; i < N; ++i) values.value[i] = value;
    *reinterpret_cast<Pack<T, N>*>(to + at[0]) = values;
  }
};

/// Both dense, elements in one order: bytes.
bool is_memory_copy(const TensorView& from, const TensorView& to) {
  return from.dtype == to.dtype && Nest<2>(to.dims, {&to.strides, &from.strides}).is_flat();
}

void copy(ExecContext&, const TensorView& from, const TensorView& to) {
  if (to.numel() == 0) return;
  if (is_memory_copy(from, to)) {
    const std::size_t bytes = static_cast<std::size_t>(to.numel()) * size_of(to.dtype);
    if (from.data != to.data)
      check(cudaMemcpyAsync(to.data, from.data, bytes, cudaMemcpyDeviceToDevice, stream()), "copy");
    return;
  }
  if (copy_transposed(from, to)) return;
  with_types(from.dtype, to.dtype, [&](auto from_type, auto to_type) {
    using From = decltype(from_type);
    using To = decltype(to_type);
    for_each_element("copy", Cast<From, To>{to.as<To>(), from.as<From>()}, {&to, &from});
  });
}

void fill(ExecContext&, const TensorView& to, double value) {
  with_type(to.dtype, [&](auto type) {
    using T = decltype(type);
    for_each_element("fill", Constant<T>{to.as<T>(), cast<T>(value)}, {&to});
  });
}

}  // namespace

void overlay_copy(KernelTable& f32, KernelTable& bf16) {
  for (KernelTable* t : {&f32, &bf16}) {
    t->eltwise.copy = &copy;
    t->eltwise.fill = &fill;
  }
}

}  // namespace fledge::cuda
