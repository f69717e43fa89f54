#include "tensor/lanes.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>

#include "tensor/context.h"

#ifdef _OPENMP
#include <omp.h>
#endif

namespace fledge {
namespace {

/// The thread's context as that of a lane.
class LaneScope {
 public:
  explicit LaneScope(Precision precision) : precision_(precision), threads_(context().threads()) {
    context().set_threads(1);
  }
  ~LaneScope() { context().set_threads(threads_); }
  LaneScope(const LaneScope&) = delete;
  LaneScope& operator=(const LaneScope&) = delete;

 private:
  const PrecisionScope precision_;
  const int threads_;
};

/// The items of all lanes, and the first one's error.
class Queue {
 public:
  Queue(std::int64_t items, const std::function<void(std::int64_t)>& f) : items_(items), failed_(items), f_(f) {}

  void work() {
    for (std::int64_t item; !stop_ && (item = next_++) < items_;) try {
        f_(item);
      } catch (...) {
        const std::lock_guard lock(mutex_);
        stop_ = true;
        if (item < failed_) failed_ = item, error_ = std::current_exception();
      }
  }
  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  const std::int64_t items_;
  std::int64_t failed_;
  const std::function<void(std::int64_t)>& f_;
  std::atomic<std::int64_t> next_{0};
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::exception_ptr error_;
};

bool inside_a_lane() {
#ifdef _OPENMP
  return omp_in_parallel();
#else
  return true;
#endif
}

}  // namespace

void in_lanes(std::int64_t items, const std::function<void(std::int64_t)>& f) {
  const int lanes = static_cast<int>(std::min<std::int64_t>(items, num_threads()));
  if (lanes <= 1 || inside_a_lane()) {
    for (std::int64_t item = 0; item < items; ++item) f(item);
    return;
  }
  const Precision precision = context().precision;
  Queue queue(items, f);
#pragma omp parallel num_threads(lanes)
  {
    const LaneScope lane(precision);
    queue.work();
  }
  queue.rethrow();
}

}  // namespace fledge
