// SIGINT and SIGTERM ask for a clean stop; a second one ends the process at once.
#pragma once

namespace fledge {

void watch_signals();
/// 0, or the signal that asked for a stop.
int stop_signal();

/// Thrown where work ends early because of a signal; the process exits with 128 + signal.
struct Stopped {
  int signal;
};

}  // namespace fledge
