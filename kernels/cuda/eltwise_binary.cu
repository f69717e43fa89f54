// Binary arithmetic of views that are dense, broadcast, or anything else; in float.
#include "kernels/cuda/device/elementwise.cuh"
#include "kernels/cuda/device/entries.cuh"

namespace fledge::cuda {
namespace {

struct AddOp {
  __device__ float operator()(float a, float b) const { return a + b; }
};
struct SubOp {
  __device__ float operator()(float a, float b) const { return a - b; }
};
struct MulOp {
  __device__ float operator()(float a, float b) const { return a * b; }
};
struct DivOp {
  __device__ float operator()(float a, float b) const { return a / b; }
};

/// y may be a or b: each element is read before it is written, by the same thread.
template <class T, class Op>
struct Binary {
  static constexpr int kViews = 3, kPack = cuda::kPack<T>;
  static constexpr bool kBroadcasts = true;
  T* y;
  const T* a;
  const T* b;

  template <int N>
  __device__ void run(const std::int64_t (&at)[3], const bool (&steps)[3]) const {
    float left[N], right[N];
    load_or_repeat<N>(a + at[1], steps[1], left);
    load_or_repeat<N>(b + at[2], steps[2], right);
#pragma unroll
    for (int i = 0; i < N; ++i) left[i] = Op{}(left[i], right[i]);
    store<N>(y + at[0], left);
  }
};

template <class T, class Op>
void run_binary(const TensorView& a, const TensorView& b, const TensorView& y) {
  for_each_element("binary", Binary<T, Op>{y.as<T>(), a.as<T>(), b.as<T>()}, {&y, &a, &b});
}

}  // namespace

template <class T>
void binary(ExecContext&, BinaryOp op, const TensorView& a, const TensorView& b, const TensorView& y) {
  switch (op) {
    case BinaryOp::Add:
      return run_binary<T, AddOp>(a, b, y);
    case BinaryOp::Sub:
      return run_binary<T, SubOp>(a, b, y);
    case BinaryOp::Mul:
      return run_binary<T, MulOp>(a, b, y);
    case BinaryOp::Div:
      return run_binary<T, DivOp>(a, b, y);
  }
}

template void binary<float>(ExecContext&, BinaryOp, const TensorView&, const TensorView&, const TensorView&);
template void binary<bf16>(ExecContext&, BinaryOp, const TensorView&, const TensorView&, const TensorView&);

}  // namespace fledge::cuda
