#include "kernels/api/reproducibility.h"

#include <atomic>

namespace fledge {

static std::atomic<bool> invariant{false};

bool thread_invariant() { return invariant.load(std::memory_order_relaxed); }

void set_thread_invariant(bool on) { invariant.store(on, std::memory_order_relaxed); }

}  // namespace fledge
