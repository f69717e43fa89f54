// A wish to stop, seen from every layer. The thread that takes the program's signals sets it (apps/cli/signals.h);
// every loop that may take longer than a second asks for it, on the thread that called it, outside of parallel regions.
#pragma once
#include <atomic>

namespace fledge {

/// Thrown where work ends early because of a signal; the process exits with 128 + signal.
struct Stopped {
  int signal;
};

namespace detail {
inline std::atomic<int> stop_wish{0};
static_assert(std::atomic<int>::is_always_lock_free);  // where there is no such thread a handler writes it
}  // namespace detail

/// 0, or the signal that asked for a stop.
inline int stop_signal() { return detail::stop_wish.load(std::memory_order_relaxed); }

/// Throws Stopped once a stop was asked for. Not for work that must end in a consistent state: a training step, a save.
inline void stop_if_asked() {
  if (const int signal = stop_signal()) [[unlikely]]
    throw Stopped{signal};
}

}  // namespace fledge
