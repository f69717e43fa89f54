// Threads that run one function and are joined whatever happens.
#pragma once
#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/interrupt.h"

namespace fledge {

/// std::vector<std::thread> whose start can fail: the system says no when a limit on processes or memory is reached.
class WorkerThreads {
 public:
  WorkerThreads() = default;
  WorkerThreads(const WorkerThreads&) = delete;
  WorkerThreads& operator=(const WorkerThreads&) = delete;
  ~WorkerThreads() { join(); }

  /// `count` threads more, all running `body`, which must not throw. `stop` makes those that run already return.
  /// Error(Resource) when one cannot be started; none is left then.
  template <class Body, class Stop>
  void start(int count, Body body, Stop stop) {
    if (count <= 0) return;
    threads_.reserve(threads_.size() + static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) {
      try {
        threads_.emplace_back(body);
      } catch (const std::system_error& e) {
        stop();
        join();
        throw Error(ErrorKind::Resource, "",
                    "cannot start worker thread " + std::to_string(i + 1) + " of " + std::to_string(count) + ": " +
                        e.code().message(),
                    "use fewer --workers, or raise the limits on processes and memory (ulimit -u, ulimit -v)");
      } catch (...) {  // no memory for the thread's own data
        stop();
        join();
        throw;
      }
    }
  }

  void join() {
    for (std::thread& t : threads_) t.join();
    threads_.clear();
  }
  bool empty() const { return threads_.empty(); }

 private:
  std::vector<std::thread> threads_;
};

/// body(0) ... body(count - 1), in any order, in the calling thread and `threads` more. Rethrows the first error,
/// Stopped too; what was not begun then is left out.
template <class Body>
void for_each_in_threads(std::int64_t count, int threads, const Body& body) {
  std::atomic<std::int64_t> next{0};
  std::exception_ptr failure;
  std::mutex mutex;
  const auto run = [&] {
    try {
      for (std::int64_t i; (i = next++) < count;) {
        stop_if_asked();
        body(i);
      }
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!failure) failure = std::current_exception();
      next = count;
    }
  };
  WorkerThreads workers;
  workers.start(threads, run, [&] { next = count; });
  run();
  workers.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace fledge
