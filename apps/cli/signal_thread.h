// The thread that takes the process's signals, so that no other one is ever interrupted by a handler.
//
// oneDNN's products of matrices work with the stack pointer in the middle of their scratch memory (on x86, without
// AVX-512): the frame of a handler that meets them is written over what lies below it on the heap. Handlers of ours
// therefore run in this thread or, where it cannot be started, on a stack of their own.
#pragma once
#include <csignal>

namespace fledge {

/// From now on `signals` that are sent to the process call `take`, one after the other, in a thread of their own. They
/// are blocked in the calling thread and in all that it starts later: to be called before those. Calling it again
/// replaces the signals. `take` may do what a signal handler may do.
void take_signals(const sigset_t& signals, void (*take)(int signal));

/// The signals do again what they did before the first call, in the calling thread and in all that it starts later.
void leave_signals();

}  // namespace fledge
