// parallel_for: the one way own kernels use threads. OpenMP, the runtime oneDNN uses too, so the two share one thread
// pool. The division of the work depends on the thread count and the sizes alone: results do not depend on timing.
#pragma once
#include <algorithm>
#include <cstdint>

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

/// f(part, begin, end) once for each of `parts` fixed, contiguous parts of [0, n); inline for one part. f must not
/// throw.
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

/// A grain in rows, for rows that touch `floats_per_row` floats: starting threads costs about as much as 32k floats.
inline std::int64_t row_grain(std::int64_t floats_per_row) {
  constexpr std::int64_t kFloats = 32 * 1024;
  return std::max<std::int64_t>(1, kFloats / std::max<std::int64_t>(floats_per_row, 1));
}

}  // namespace fledge::cpu
