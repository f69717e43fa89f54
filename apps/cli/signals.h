// How the process meets the system: signals, descriptors, output that cannot be written, libraries that give up.
//
// Signals are taken by a thread of their own (signal_thread.h). SIGINT, SIGTERM and SIGHUP ask for a clean stop
// (base/interrupt.h); a second one ends the process at once. SIGHUP stays ignored where it was (nohup). SIGPIPE and
// SIGXFSZ are ignored: the write fails instead, and is an error.
#pragma once
#include "base/interrupt.h"

namespace fledge {

/// First thing in main(): descriptors 0, 1 and 2 are open (on /dev/null where they were closed, so that no file of ours
/// becomes stderr), signals are watched, and a library that ends the process by exit() or std::terminate() ends it with
/// a message and the exit code of its kind.
void prepare_process();

/// The signals' part of it; calling it again changes nothing.
void watch_signals();

/// For work without anything to put in order (bench): a signal ends the process at once.
void let_signals_end();

/// Last thing: writes what is left of stdout. `code`, or 141 when its reader went away, or 4 when it cannot be written.
int finish_process(int code);

/// Bytes of the allocation that failed last; 0: none did.
unsigned long failed_allocation();

}  // namespace fledge
