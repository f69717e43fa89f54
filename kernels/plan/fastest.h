// The fastest of several ways to compute one thing, by the clock.
#pragma once
#include <chrono>
#include <cstddef>
#include <limits>
#include <vector>

namespace fledge {

/// The number of the fastest of `count` candidates, which are in the order of preference: time(i) runs candidate i and
/// returns how long it took. Rounds in turns, the best of each counts, and a near tie (2 %) stays with the first.
/// What the first run pays for (pages, packing) the caller lets each candidate pay beforehand.
template <class Time>
std::size_t fastest(std::size_t count, Time time, int rounds = 3) {
  std::vector<double> best(count, std::numeric_limits<double>::infinity());
  for (int round = 0; round < rounds; ++round)
    for (std::size_t i = 0; i < count; ++i)
      if (const double t = time(i); t < best[i]) best[i] = t;
  std::size_t first = 0;
  for (std::size_t i = 1; i < count; ++i)
    if (best[i] < 0.98 * best[first]) first = i;
  return first;
}

/// Seconds that work() takes.
template <class Work>
double seconds(Work work) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  work();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace fledge
