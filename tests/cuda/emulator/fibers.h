// Fibers: call stacks that take turns on one thread of the host. Each has 64 KiB above a page that nobody may touch.
#pragma once
#include <cstddef>

namespace emulator {

struct Fiber;

/// A fiber that will run `body` (which never returns) at its first turn. They live as long as the process.
Fiber* make_fiber(void (*body)());
/// From the host's own stack to a fiber, and back again when that calls leave().
void enter(Fiber*);
void leave();

/// Is this the page below some fiber's stack?
bool is_stack_guard(const void*);
inline constexpr std::size_t kStackBytes = 64 << 10;

}  // namespace emulator
