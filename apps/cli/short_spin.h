// How long threads of kernels spin at the end of one before they sleep.
#pragma once

namespace fledge {

/// libgomp lets a thread spin for milliseconds where it waits for others. On a machine that has other work too, it
/// takes the processor from the very thread that it waits for. libgomp reads the number of turns (GOMP_SPINCOUNT) when
/// the program is loaded, so the program starts itself again, once, with a small one. It does not where the user has
/// chosen (GOMP_SPINCOUNT, OMP_WAIT_POLICY), and goes on as it is where it cannot.
void spin_shortly(char** argv);

/// Turns: some tens of microseconds.
inline constexpr const char* kSpinVariable = "GOMP_SPINCOUNT";
inline constexpr const char* kSpinTurns = "2000";

}  // namespace fledge
