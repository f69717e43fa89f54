#include "tensor/lanes.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "tensor/context.h"

#ifdef _OPENMP
#include <omp.h>
#endif

namespace fledge {
namespace {

/// Of a context that has had lanes: theirs, each of one thread. OpenMP's threads come and go with the size of teams;
/// plans and scratch memory stay.
struct LaneContexts : VendorState {
  std::vector<std::unique_ptr<ExecContext>> all;

  static LaneContexts& of(ExecContext& caller, int lanes) {
    static constexpr char kOwner = 0;
    auto& contexts = caller.state<LaneContexts>(&kOwner);
    while (std::ssize(contexts.all) < lanes) contexts.all.push_back(std::make_unique<ExecContext>(1));
    for (const auto& lane : contexts.all) lane->precision = caller.precision;
    return contexts;
  }
};

thread_local bool in_order = false;

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

#ifdef _OPENMP
bool inside_a_lane() { return omp_in_parallel(); }
int lane_number() { return omp_get_thread_num(); }
#else
bool inside_a_lane() { return true; }
int lane_number() { return 0; }
#endif

}  // namespace

NoLanes::NoLanes() : before_(std::exchange(in_order, true)) {}
NoLanes::~NoLanes() { in_order = before_; }

void in_lanes(std::int64_t items, const std::function<void(std::int64_t)>& f) {
  const int lanes = static_cast<int>(std::min<std::int64_t>(items, num_threads()));
  if (lanes <= 1 || in_order || inside_a_lane()) {
    for (std::int64_t item = 0; item < items; ++item) f(item);
    return;
  }
  LaneContexts& contexts = LaneContexts::of(context(), lanes);
  Queue queue(items, f);
#pragma omp parallel num_threads(lanes)
  {
    const ContextScope mine(*contexts.all[static_cast<std::size_t>(lane_number())]);
    queue.work();
  }
  queue.rethrow();
}

}  // namespace fledge
