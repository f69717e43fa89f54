// Sum, mean, max and min over any axes of any view, and the gradient of the extremes. Sums are widened to double every
// four elements: exact enough for any length, and not bound by double arithmetic where a device has little of it.
#include "kernels/cuda/device/reduction.cuh"

#include "kernels/cuda/device/elementwise.cuh"
#include "kernels/cuda/overlays.h"

namespace fledge::cuda {
namespace {

struct SumOp {
  using Acc = double;
  static constexpr int kViews = 2;
  float* y;
  double factor;

  __device__ Acc identity() const { return 0; }
  __device__ Acc operator()(Acc a, Acc b) const { return a + b; }
  __device__ float reference(const std::int64_t (&)[2]) const { return 0; }
  __device__ float value(float x, float) const { return x; }
  __device__ Acc lift(float a, float b, float c, float d) const { return (a + b) + (c + d); }
  __device__ Acc lift(float a) const { return a; }
  __device__ void finish(Acc acc, const std::int64_t (&at)[2]) const { y[at[1]] = static_cast<float>(acc * factor); }
};

/// NaN wins and stays.
template <bool MAXIMUM>
struct ExtremeOp {
  using Acc = float;
  static constexpr int kViews = 2;
  float* y;

  __device__ Acc identity() const { return MAXIMUM ? -INFINITY : INFINITY; }
  __device__ Acc operator()(Acc a, Acc b) const { return b != b || (MAXIMUM ? b > a : b < a) ? b : a; }
  __device__ float reference(const std::int64_t (&)[2]) const { return 0; }
  __device__ float value(float x, float) const { return x; }
  __device__ Acc lift(float a, float b, float c, float d) const {
    const ExtremeOp& fold = *this;
    return fold(fold(a, b), fold(c, d));
  }
  __device__ Acc lift(float a) const { return a; }
  __device__ void finish(Acc acc, const std::int64_t (&at)[2]) const { y[at[1]] = acc; }
};

/// share = dy / (number of elements equal to the extreme y). Views: x, share, y, dy.
struct ShareOp {
  using Acc = double;
  static constexpr int kViews = 4;
  float* share;
  const float* y;
  const float* dy;

  __device__ Acc identity() const { return 0; }
  __device__ Acc operator()(Acc a, Acc b) const { return a + b; }
  __device__ float reference(const std::int64_t (&at)[4]) const { return y[at[2]]; }
  __device__ float value(float x, float extreme) const { return x == extreme ? 1 : 0; }
  __device__ Acc lift(float a, float b, float c, float d) const { return (a + b) + (c + d); }
  __device__ Acc lift(float a) const { return a; }
  __device__ void finish(Acc ties, const std::int64_t (&at)[4]) const {
    share[at[1]] = ties > 0 ? static_cast<float>(dy[at[3]] / ties) : 0;
  }
};

/// dx = x equals the extreme ? share : 0
struct SpreadShare {
  static constexpr int kViews = 4, kPack = cuda::kPack<float>;
  static constexpr bool kBroadcasts = true;
  float* dx;
  const float* x;
  const float* y;
  const float* share;

  template <int N>
  __device__ void run(const std::int64_t (&at)[4], const bool (&steps)[4]) const {
    float v[N], extreme[N], part[N];
    load_or_repeat<N>(x + at[1], steps[1], v);
    load_or_repeat<N>(y + at[2], steps[2], extreme);
    load_or_repeat<N>(share + at[3], steps[3], part);
#pragma unroll
    for (int i = 0; i < N; ++i) v[i] = v[i] == extreme[i] ? part[i] : 0;
    store<N>(dx + at[0], v);
  }
};

struct Shapes {
  Dims kept, reduced;  // x's dims with 1 where the other has its size
};

Shapes split_axes(const Dims& x, const Dims& y) {
  Shapes s{x, x};
  for (int i = 0; i < x.rank(); ++i) (y[i] == x[i] ? s.reduced : s.kept)[i] = 1;
  return s;
}

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// How many parts so that `teams` teams of one part fill the device; none shorter than `least`.
template <int VIEWS>
void set_parts(Reduction<VIEWS>& p, std::int64_t blocks, std::int64_t least) {
  const std::int64_t wanted = ceil_div(4 * multiprocessors(), blocks), most = ceil_div(p.length, least);
  std::int64_t parts = wanted < most ? wanted : most;
  if (parts < 1) parts = 1;
  if (parts > 1024) parts = 1024;
  p.part = ceil_div(ceil_div(p.length, parts), 4) * 4;
  p.parts = p.length > 0 ? ceil_div(p.length, p.part) : 1;
}

/// Can runs of 4 be loaded from every output's first element on?
template <int VIEWS>
bool contiguous_runs(const Reduction<VIEWS>& p) {
  if (p.reduced.rank != 1 || p.reduced.stride[0][0] != 1 || reinterpret_cast<std::uintptr_t>(p.x) % 16 != 0)
    return false;
  for (int i = 0; i < p.kept.rank; ++i)
    if (p.kept.size[i] != 1 && p.kept.stride[i][0] % 4 != 0) return false;
  return true;
}

template <class Op>
void reduce_views(const char* name, const Op& op, const TensorView& x, const Dims& y_dims,
                  const std::array<const Dims*, Op::kViews>& strides) {
  const Shapes shapes = split_axes(x.dims, y_dims);
  Reduction<Op::kViews> p{x.as<float>(), {shapes.kept, strides}, {shapes.reduced, {&x.strides}}, 0, 4, 1};
  p.length = shapes.reduced.numel();
  const std::int64_t outputs = p.kept.numel;
  if (outputs == 0) return;
  constexpr int kShort = 16, kWarpRow = 1024, kWarps = kReduceBlock / kWarp;
  using Acc = typename Op::Acc;
  const bool rows = p.length > kShort && (outputs == 1 || p.reduced.stride[0][0] < p.kept.stride[0][0]);
  const auto run = [&](auto kernel, dim3 grid) {
    if (p.parts == 1) return launch(name, kernel, grid, kReduceBlock, p, op, static_cast<Acc*>(nullptr));
    const Scratch partial(static_cast<std::size_t>(outputs * p.parts) * sizeof(Acc));
    launch(name, kernel, grid, kReduceBlock, p, op, partial.as<Acc>());
    launch(name, &reduce_parts<Op>, static_cast<unsigned>(ceil_div(outputs, kWarps)), kReduceBlock, p, op,
           partial.as<Acc>());
  };
  const auto grid = [](std::int64_t blocks, std::int64_t parts) {
    return dim3(static_cast<unsigned>(blocks), static_cast<unsigned>(parts));
  };
  if (!rows && p.length <= kShort) {
    set_parts(p, outputs, p.length + 1);
    return run(&reduce_columns<kReduceBlock, Op>, grid(ceil_div(outputs, kReduceBlock), 1));
  }
  if (!rows) {
    set_parts(p, ceil_div(outputs, kWarp), 8 * kWarps);
    return run(&reduce_columns<kWarp, Op>, grid(ceil_div(outputs, kWarp), p.parts));
  }
  const bool packs = contiguous_runs(p);
  if (p.length <= kWarpRow && outputs >= 4 * multiprocessors()) {
    set_parts(p, outputs, p.length + 1);
    const dim3 blocks = grid(ceil_div(outputs, kWarps), 1);
    return packs ? run(&reduce_rows<kWarp, 4, Op>, blocks) : run(&reduce_rows<kWarp, 1, Op>, blocks);
  }
  set_parts(p, outputs, 16 * kReduceBlock);
  const dim3 blocks = grid(outputs * p.parts, 1);
  packs ? run(&reduce_rows<kReduceBlock, 4, Op>, blocks) : run(&reduce_rows<kReduceBlock, 1, Op>, blocks);
}

void reduce(ExecContext&, ReduceOp op, const TensorView& x, const TensorView& y) {
  constexpr const char* kName = "reduce";
  const std::array<const Dims*, 2> strides{&x.strides, &y.strides};
  float* to = y.as<float>();
  // 0 / 0: the mean of nothing is NaN, as in the reference.
  const double length = static_cast<double>(split_axes(x.dims, y.dims).reduced.numel());
  switch (op) {
    case ReduceOp::Sum:
      return reduce_views(kName, SumOp{to, 1}, x, y.dims, strides);
    case ReduceOp::Mean:
      return reduce_views(kName, SumOp{to, 1 / length}, x, y.dims, strides);
    case ReduceOp::Max:
      return reduce_views(kName, ExtremeOp<true>{to}, x, y.dims, strides);
    case ReduceOp::Min:
      return reduce_views(kName, ExtremeOp<false>{to}, x, y.dims, strides);
  }
}

/// `strides` of a view with reduced dims, standing still along the axes that `dims` has and it lacks.
TensorView broadcast_view(const TensorView& v, const Dims& strides, const Dims& dims) {
  TensorView wide = v;
  wide.strides = strides;
  for (int i = 0; i < dims.rank(); ++i)
    if (v.dims[i] != dims[i]) wide.strides[i] = 0;
  wide.dims = dims;
  return wide;
}

void extreme_backward(ExecContext&, const TensorView& dy, const TensorView& x, const TensorView& y,
                      const TensorView& dx) {
  if (dx.numel() == 0) return;
  const Scratch memory(static_cast<std::size_t>(y.numel()) * sizeof(float));
  TensorView share = y;
  share.data = memory.as<float>();
  share.strides = contiguous_strides(y.dims);
  reduce_views("reduce_backward", ShareOp{share.as<float>(), y.as<float>(), dy.as<float>()}, x, y.dims,
               {&x.strides, &share.strides, &y.strides, &dy.strides});
  const TensorView extreme = broadcast_view(y, y.strides, x.dims), part = broadcast_view(share, share.strides, x.dims);
  for_each_element("reduce_backward", SpreadShare{dx.as<float>(), x.as<float>(), extreme.as<float>(), part.as<float>()},
                   {&dx, &x, &extreme, &part});
}

}  // namespace

void overlay_reduce(KernelTable& f32) {
  f32.reduce.reduce = &reduce;
  f32.reduce.extreme_backward = &extreme_backward;
}

}  // namespace fledge::cuda
