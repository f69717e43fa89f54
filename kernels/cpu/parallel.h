// parallel_for: the one way own kernels use threads. OpenMP, the runtime oneDNN uses too, so the two share one thread
// pool. The division of the work depends on the thread count and the sizes alone: results do not depend on timing.
//
// Two kinds of division. Where each result is computed whole within one part (parallel_for, parallel_flat), the parts
// may be any. Where the parts' sums are added up afterwards (sum_parts, parallel_sum), the bits depend on how many
// there are: for thread_invariant() that is a function of the sizes alone.
//
// Work is divided into more parts than threads (sums into at least as many, thread-invariant into eight). A thread that
// is done with its own takes over what others have not begun: a kernel does not wait long for a thread that began late
// or shares its core with another program.
#pragma once
#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>

#include "kernels/api/exec_context.h"
#include "kernels/api/reproducibility.h"

#ifdef _OPENMP
#include <omp.h>
#endif

namespace fledge::cpu {

/// How many threads n items are worth: at least `grain` items each.
inline int thread_count(int threads, std::int64_t n, std::int64_t grain) {
#ifdef _OPENMP
  if (threads <= 1 || omp_in_parallel()) return 1;
  return static_cast<int>(std::clamp<std::int64_t>(n / std::max<std::int64_t>(grain, 1), 1, threads));
#else
  (void)threads, (void)n, (void)grain;
  return 1;
#endif
}

/// Parts a thread. Measured: kernels/README.md, "What was tried for speed".
inline constexpr int kPartsOfThread = 4;

/// How many parts n items are divided into where no sums depend on it.
inline int parts_of_threads(int threads, std::int64_t n) {
  return static_cast<int>(threads == 1 ? 1 : std::min<std::int64_t>(n, std::int64_t{threads} * kPartsOfThread));
}

/// The way through the parts of a thread.
enum class Order : unsigned char { Forwards, Backwards };

/// Which parts are still to be begun: each thread has a run of them, so that it finds in its cache what it wrote a
/// kernel before.
class PartQueue {
 public:
  PartQueue(int threads, int parts, Order order) : order_(order), runs_(std::min(threads, kMostRuns)) {
    for (int i = 0; i < runs_; ++i) {
      Run& run = run_[static_cast<std::size_t>(i)];
      run.begin = parts * i / runs_, run.end = parts * (i + 1) / runs_;
      run.next.store(run.begin, std::memory_order_relaxed);
    }
  }
  /// f(part) for those of the thread's run, then for others'.
  template <class F>
  void work(int thread, F f) {
    for (int i = 0; i < runs_; ++i) {
      Run& run = run_[static_cast<std::size_t>((thread + i) % runs_)];
      for (int part; (part = run.next.fetch_add(1, std::memory_order_relaxed)) < run.end;)
        f(order_ == Order::Forwards ? part : run.begin + run.end - 1 - part);
    }
  }

 private:
  static constexpr int kMostRuns = 64;
  struct alignas(64) Run {
    std::atomic<int> next;
    int begin, end;
  };
  Order order_;
  int runs_;
  std::array<Run, kMostRuns> run_;
};

/// f(thread, part, begin, end) once for each of `parts` fixed, contiguous parts of [0, n), in turn by so many threads;
/// thread: below that. f must not throw.
template <class F>
void parallel_parts(int threads, int parts, std::int64_t n, F&& f, Order order = Order::Forwards) {
  const auto take = [&](int thread, int part) { f(thread, part, n * part / parts, n * (part + 1) / parts); };
#ifdef _OPENMP
  if (threads > 1) {
    PartQueue queue(threads, parts, order);
#pragma omp parallel num_threads(threads)
    queue.work(omp_get_thread_num(), [&](int part) { take(omp_get_thread_num(), part); });
    return;
  }
#endif
  for (int part = 0; part < parts; ++part) take(0, part);
}

/// f(thread, begin, end) over [0, n) by so many threads at most, for those with memory of each thread's own.
template <class F>
void parallel_threads(int threads, std::int64_t n, F&& f) {
  parallel_parts(threads, parts_of_threads(threads, n), n,
                 [&](int thread, int, std::int64_t begin, std::int64_t end) { f(thread, begin, end); });
}

/// f(begin, end) over [0, n), on up to `threads` threads, each worth `grain` items.
template <class F>
void parallel_for(int threads, std::int64_t n, std::int64_t grain, F&& f, Order order = Order::Forwards) {
  const int count = thread_count(threads, n, grain);
  parallel_parts(
      count, parts_of_threads(count, n), n, [&](int, int, std::int64_t begin, std::int64_t end) { f(begin, end); },
      order);
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

/// How many partial sums n items are divided into, none of less than `grain`. Thread-invariant: kFixedParts where there
/// are enough of them.
inline int sum_parts(const ExecContext& ctx, std::int64_t n, std::int64_t grain) {
  constexpr int kEnough = 16;  // from here on one a thread: they are added up by one thread
  const int threads = thread_count(ctx.threads(), n, grain);
  if (!thread_invariant() && threads == 1) return 1;
  const int most = thread_invariant() ? kFixedParts : std::max(threads, std::min(kEnough, threads * kPartsOfThread));
  return static_cast<int>(std::clamp<std::int64_t>(n / std::max<std::int64_t>(grain, 1), 1, most));
}

/// How many threads share so many parts of a sum.
inline int sum_threads(const ExecContext& ctx, int parts) { return thread_count(ctx.threads(), parts, 1); }

/// f(part, begin, end) once for each of sum_parts() fixed, contiguous parts of [0, n), on the context's threads.
template <class F>
void parallel_sum(const ExecContext& ctx, int parts, std::int64_t n, F&& f) {
  parallel_parts(sum_threads(ctx, parts), parts, n,
                 [&](int, int part, std::int64_t begin, std::int64_t end) { f(part, begin, end); });
}

/// A grain in rows, for rows that touch `floats_per_row` floats: starting threads costs about as much as 32k floats.
inline std::int64_t row_grain(std::int64_t floats_per_row) {
  constexpr std::int64_t kFloats = 32 * 1024;
  return std::max<std::int64_t>(1, kFloats / std::max<std::int64_t>(floats_per_row, 1));
}

}  // namespace fledge::cpu
