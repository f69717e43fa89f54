// Lanes: threads that run kernels beside one another and wait only at the end. Where work falls into parts of its own
// (pictures of a batch), this is faster than every kernel on all threads: a kernel ends when its slowest thread does.
#pragma once
#include <cstdint>
#include <functional>

namespace fledge {

/// f(item) once for each of [0, items), taken in turn by as many threads as the caller's context has. Inside, context()
/// is one of a single thread with the caller's precision, which the caller's context keeps for the next time; what else
/// a thread has for itself (no_grad) is f's business. With one thread, inside a lane, or for one item: on the calling
/// thread, as its context is.
/// What f throws is thrown on when all threads have ended, that of the first item first; items that nobody has begun by
/// then are left.
void in_lanes(std::int64_t items, const std::function<void(std::int64_t)>& f);

/// While this lives, the calling thread computes all items itself, one after the other: for whoever adds up the times
/// of kernels.
class NoLanes {
 public:
  NoLanes();
  ~NoLanes();
  NoLanes(const NoLanes&) = delete;
  NoLanes& operator=(const NoLanes&) = delete;

 private:
  bool before_;
};

}  // namespace fledge
