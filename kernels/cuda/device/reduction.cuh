// Kernels of reductions over any axes. K kept index tuples, R reduced ones; each output is folded by a team of threads,
// or in `parts` by several, whose results a last kernel folds in their order.
//   rows:    the fastest axis is reduced: a warp or a block walks along one output's elements
//   columns: the fastest axis is kept: neighbouring threads have neighbouring outputs and walk down
//
//   struct Op {
//     using Acc; static constexpr int kViews;             // kept views: x, what is written, more
//     __device__ Acc identity() const;  Acc operator()(Acc, Acc) const;
//     __device__ float reference(at) const;               // read once per output, given to value()
//     __device__ float value(float x, float reference) const;
//     __device__ Acc lift(v0, v1, v2, v3) const;          // four values folded before they are widened
//     __device__ void finish(Acc, at) const;
//   };
#pragma once
#include "kernels/cuda/device/nest.cuh"
#include "kernels/cuda/device/pack.cuh"
#include "kernels/cuda/device/reduce.cuh"

namespace fledge::cuda {

inline constexpr int kReduceBlock = 256;

template <int VIEWS>
struct Reduction {
  const float* x;
  Nest<VIEWS> kept;
  Nest<1> reduced;
  std::int64_t length;       // R; 0 gives the identity
  std::int64_t part, parts;  // elements of each part (a multiple of 4), and how many
};

/// The fold of elements begin + first * SPAN.. of one output's run, those of thread `lane` of `team`.
template <int SPAN, class Op, class At>
__device__ typename Op::Acc fold_run(const Op& op, const Reduction<Op::kViews>& p, const At& at, std::int64_t begin,
                                     std::int64_t end, int lane, int team) {
  const float* from = p.x + at[0];
  const float reference = op.reference(at);
  typename Op::Acc acc = op.identity();
  if constexpr (SPAN == 4) {
    const std::int64_t whole = begin + (end - begin) / 4 * 4;
#pragma unroll 4
    for (std::int64_t r = begin + lane * 4; r < whole; r += team * 4) {
      float v[4];
      load<4>(from + r, v);
      acc = op(acc, op.lift(op.value(v[0], reference), op.value(v[1], reference), op.value(v[2], reference),
                            op.value(v[3], reference)));
    }
    if (whole + lane < end) acc = op(acc, op.lift(op.value(from[whole + lane], reference)));
  } else {
    const auto value = [&](std::int64_t r) {
      std::int64_t o[1];
      p.reduced.offsets(r, o);
      return op.value(from[o[0]], reference);
    };
    std::int64_t r = begin + lane;
    for (; r + 3 * team < end; r += 4 * team)
      acc = op(acc, op.lift(value(r), value(r + team), value(r + 2 * team), value(r + 3 * team)));
    for (; r < end; r += team) acc = op(acc, op.lift(value(r)));
  }
  return acc;
}

/// TEAM 32 or the block: threads per output and part. SPAN 4: the run is contiguous and aligned.
template <int TEAM, int SPAN, class Op>
__global__ void __launch_bounds__(kReduceBlock) reduce_rows(Reduction<Op::kViews> p, Op op, typename Op::Acc* partial) {
  __shared__ typename Op::Acc shared[kReduceBlock / kWarp];
  const std::int64_t job =
      (static_cast<std::int64_t>(blockIdx.x) * kReduceBlock + static_cast<std::int64_t>(threadIdx.x)) / TEAM;
  if (job >= p.kept.numel * p.parts) return;  // whole teams
  const std::int64_t output = job / p.parts, begin = (job - output * p.parts) * p.part,
                     end = begin + p.part < p.length ? begin + p.part : p.length;
  std::int64_t at[Op::kViews];
  p.kept.offsets(output, at);
  typename Op::Acc acc = fold_run<SPAN>(op, p, at, begin, end, static_cast<int>(threadIdx.x) % TEAM, TEAM);
  if constexpr (TEAM == kWarp)
    acc = warp_fold(acc, op);
  else
    acc = block_fold<kReduceBlock>(acc, shared, op);
  if (threadIdx.x % TEAM != 0) return;
  if (partial)
    partial[job] = acc;
  else
    op.finish(acc, at);
}

/// COLUMNS neighbouring outputs a block, the rest of its threads divide the part's elements. blockIdx.y: the part.
template <int COLUMNS, class Op>
__global__ void __launch_bounds__(kReduceBlock)
    reduce_columns(Reduction<Op::kViews> p, Op op, typename Op::Acc* partial) {
  constexpr int kLines = kReduceBlock / COLUMNS;
  __shared__ typename Op::Acc shared[kLines][COLUMNS];
  const int column = static_cast<int>(threadIdx.x) % COLUMNS, line = static_cast<int>(threadIdx.x) / COLUMNS;
  const std::int64_t output = static_cast<std::int64_t>(blockIdx.x) * COLUMNS + column,
                     begin = static_cast<std::int64_t>(blockIdx.y) * p.part,
                     end = begin + p.part < p.length ? begin + p.part : p.length;
  const bool valid = output < p.kept.numel;
  std::int64_t at[Op::kViews];
  p.kept.offsets(valid ? output : 0, at);
  typename Op::Acc acc = op.identity();
  if (valid) acc = fold_run<1>(op, p, at, begin, end, line, kLines);
  if constexpr (kLines > 1) {
    shared[line][column] = acc;
    __syncthreads();
    if (line == 0)
      for (int l = 1; l < kLines; ++l) acc = op(acc, shared[l][column]);
  }
  if (line != 0 || !valid) return;
  if (partial)
    partial[output * p.parts + blockIdx.y] = acc;
  else
    op.finish(acc, at);
}

/// A warp per output folds its parts.
template <class Op>
__global__ void __launch_bounds__(kReduceBlock)
    reduce_parts(Reduction<Op::kViews> p, Op op, const typename Op::Acc* partial) {
  const std::int64_t output =
      (static_cast<std::int64_t>(blockIdx.x) * kReduceBlock + static_cast<std::int64_t>(threadIdx.x)) / kWarp;
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  if (output >= p.kept.numel) return;
  typename Op::Acc acc = op.identity();
  for (std::int64_t i = lane; i < p.parts; i += kWarp) acc = op(acc, partial[output * p.parts + i]);
  acc = warp_fold(acc, op);
  if (lane != 0) return;
  std::int64_t at[Op::kViews];
  p.kept.offsets(output, at);
  op.finish(acc, at);
}

}  // namespace fledge::cuda
