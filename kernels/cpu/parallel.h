// parallel_for: the one way own kernels use threads. OpenMP, the runtime oneDNN uses too, so the two share one thread
// pool. The division of the work depends on the thread count and the sizes alone: results do not depend on timing.
//
// Two kinds of division. Where each result is computed whole within one part (parallel_for, parallel_flat), the parts
// may be any. Where the parts' sums are added up afterwards (sum_parts, parallel_sum), the bits depend on how many
// there are: for thread_invariant() that is a function of the sizes alone.
#pragma once
#include <algorithm>
#include <cstdint>

#include "kernels/api/exec_context.h"
#include "kernels/api/reproducibility.h"

#ifdef _OPENMP
#include <omp.h>
#endif

namespace fledge::cpu {

/// How many parts parallel_for divides n items into: at least `grain` items each, at most one part per thread.
inline int part_count(int threads, std::int64_t n, std::int64_t grain) {
#ifdef _OPENMP
  if (threads <= 1 || omp_in_parallel()) return 1;
  return static_cast<int>(std::clamp<std::int64_t>(n / std::max<std::int64_t>(grain, 1), 1, threads));
#else
  (void)threads, (void)n, (void)grain;
  return 1;
#endif
}

/// f(part, begin, end) once for each of `parts` fixed, contiguous parts of [0, n); inline for one part.
/// f must not throw.
template <class F>
void parallel_parts(int parts, std::int64_t n, F&& f) {
  if (parts <= 1) {
    f(0, std::int64_t{0}, n);
    return;
  }
#ifdef _OPENMP
#pragma omp parallel for schedule(static, 1) num_threads(parts)
#endif
  for (int part = 0; part < parts; ++part) f(part, n * part / parts, n * (part + 1) / parts);
}

/// f(begin, end) over [0, n), on up to `threads` threads, no part smaller than `grain`.
template <class F>
void parallel_for(int threads, std::int64_t n, std::int64_t grain, F&& f) {
  parallel_parts(part_count(threads, n, grain), n, [&](int, std::int64_t begin, std::int64_t end) { f(begin, end); });
}

/// f(begin, end) over a flat run of n elements. Parts begin at whole blocks, so that only the run's own end is computed
/// with less than a vector: which instructions an element meets does not depend on the threads.
template <class F>
void parallel_flat(int threads, std::int64_t n, std::int64_t grain, F&& f) {
  constexpr std::int64_t kBlock = 64;
  const std::int64_t blocks = (n + kBlock - 1) / kBlock;
  parallel_for(threads, blocks, grain / kBlock,
               [&](std::int64_t begin, std::int64_t end) { f(begin * kBlock, std::min(n, end * kBlock)); });
}

/// The parts of a sum, thread-invariant: more threads than that find no work; fewer parts would leave the threads of a
/// small machine unequal work.
inline constexpr int kFixedParts = 8;

/// How many partial sums n items are divided into. Thread-invariant: kFixedParts where there are enough of them.
inline int sum_parts(const ExecContext& ctx, std::int64_t n, std::int64_t grain) {
  if (!thread_invariant()) return part_count(ctx.threads(), n, grain);
  return static_cast<int>(std::clamp<std::int64_t>(n / std::max<std::int64_t>(grain, 1), 1, kFixedParts));
}

/// f(part, begin, end) once for each of sum_parts() fixed, contiguous parts of [0, n), on the context's threads.
template <class F>
void parallel_sum(const ExecContext& ctx, int parts, std::int64_t n, F&& f) {
  const int threads = std::min(part_count(ctx.threads(), parts, 1), parts);
  parallel_parts(threads, parts, [&](int, std::int64_t first, std::int64_t last) {
    for (std::int64_t part = first; part < last; ++part)
      f(static_cast<int>(part), n * part / parts, n * (part + 1) / parts);
  });
}

/// A grain in rows, for rows that touch `floats_per_row` floats: starting threads costs about as much as 32k floats.
inline std::int64_t row_grain(std::int64_t floats_per_row) {
  constexpr std::int64_t kFloats = 32 * 1024;
  return std::max<std::int64_t>(1, kFloats / std::max<std::int64_t>(floats_per_row, 1));
}

}  // namespace fledge::cpu
