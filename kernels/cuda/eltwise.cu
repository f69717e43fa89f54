// Unary functions and their gradients. Arithmetic in float, NaN goes through; the gradients read x, never y.
#include "kernels/api/eltwise_formulas.h"
#include "kernels/cuda/device/elementwise.cuh"
#include "kernels/cuda/device/entries.cuh"
#include "kernels/cuda/overlays.h"

namespace fledge::cuda {
namespace {

struct UnaryScalars {
  float a, b;
};

template <UnaryOp OP>
__device__ float value(float x, UnaryScalars p) {
  if constexpr (OP == UnaryOp::Affine) return fmaf(p.a, x, p.b);
  return unary_value(OP, x, p.a, p.b);
}

template <class T, UnaryOp OP>
struct UnaryForward {
  static constexpr int kViews = 2, kPack = cuda::kPack<T>;
  static constexpr bool kBroadcasts = false;
  T* y;
  const T* x;
  UnaryScalars p;

  template <int N>
  __device__ void run(const std::int64_t (&at)[2], const bool (&)[2]) const {
    float v[N];
    load<N>(x + at[1], v);
#pragma unroll
    for (int i = 0; i < N; ++i) v[i] = value<OP>(v[i], p);
    store<N>(y + at[0], v);
  }
};

/// dx = dy * f'(x); a slope of 0 gives 0 even where dy is infinite, as a mask would.
template <class T, UnaryOp OP>
struct UnaryBackward {
  static constexpr int kViews = 3, kPack = cuda::kPack<T>;
  static constexpr bool kBroadcasts = false;
  T* dx;
  const T* dy;
  const T* x;
  UnaryScalars p;

  template <int N>
  __device__ void run(const std::int64_t (&at)[3], const bool (&)[3]) const {
    float g[N], v[N];
    load<N>(dy + at[1], g);
    load<N>(x + at[2], v);
#pragma unroll
    for (int i = 0; i < N; ++i) {
      const float slope = unary_slope(OP, v[i], p.a, p.b);
      g[i] = slope == 0 ? 0 : g[i] * slope;
    }
    store<N>(dx + at[0], g);
  }
};

template <UnaryOp OP>
struct OpConstant {
  static constexpr UnaryOp value = OP;
};

/// Calls f(OpConstant<op>{}).
template <class F>
void with_op(UnaryOp op, F&& f) {
  switch (op) {
    case UnaryOp::ReLU:
      return f(OpConstant<UnaryOp::ReLU>{});
    case UnaryOp::ReLU6:
      return f(OpConstant<UnaryOp::ReLU6>{});
    case UnaryOp::Exp:
      return f(OpConstant<UnaryOp::Exp>{});
    case UnaryOp::Log:
      return f(OpConstant<UnaryOp::Log>{});
    case UnaryOp::Sqrt:
      return f(OpConstant<UnaryOp::Sqrt>{});
    case UnaryOp::Square:
      return f(OpConstant<UnaryOp::Square>{});
    case UnaryOp::Abs:
      return f(OpConstant<UnaryOp::Abs>{});
    case UnaryOp::Clamp:
      return f(OpConstant<UnaryOp::Clamp>{});
    case UnaryOp::Affine:
      return f(OpConstant<UnaryOp::Affine>{});
    case UnaryOp::Softplus:
      return f(OpConstant<UnaryOp::Softplus>{});
  }
}

UnaryScalars scalars(const UnaryParams& p) { return {static_cast<float>(p.a), static_cast<float>(p.b)}; }

template <class T>
void unary(ExecContext&, UnaryOp op, const TensorView& x, const TensorView& y, const UnaryParams& p) {
  with_op(op, [&](auto constant) {
    using Body = UnaryForward<T, decltype(constant)::value>;
    for_each_element("unary", Body{y.as<T>(), x.as<T>(), scalars(p)}, {&y, &x});
  });
}

template <class T>
void unary_backward(ExecContext&, UnaryOp op, const TensorView& dy, const TensorView& x, const TensorView&,
                    const TensorView& dx, const UnaryParams& p) {
  with_op(op, [&](auto constant) {
    using Body = UnaryBackward<T, decltype(constant)::value>;
    for_each_element("unary_backward", Body{dx.as<T>(), dy.as<T>(), x.as<T>(), scalars(p)}, {&dx, &dy, &x});
  });
}

template <class T>
void set_entries(EltwiseKernels& k) {
  k.unary = &unary<T>;
  k.unary_backward = &unary_backward<T>;
  k.binary = &binary<T>;
}

}  // namespace

void overlay_eltwise(KernelTable& f32, KernelTable& bf) {
  set_entries<float>(f32.eltwise);
  set_entries<bf16>(bf.eltwise);
}

}  // namespace fledge::cuda
