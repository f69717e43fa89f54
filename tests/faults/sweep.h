// One tiny run of the real binary under a fault, resumed, and compared with an undisturbed one.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "tests/apps/runner.h"

namespace fledge::test {

/// What a run's folder holds that must not depend on what happened on the way.
struct RunContents {
  std::map<std::string, Bytes> files;  // of every checkpoint kept, BEST, LATEST and metrics.json
  std::vector<std::string> log;        // lines of steps, evaluations and warnings
  std::vector<std::string> scraps;     // temporaries that nobody will finish
};
RunContents contents_of(const std::string& run);
/// Empty where equal; otherwise what differs.
std::string difference(const RunContents& is, const RunContents& should);

class FaultSweep {
 public:
  /// `keep` checkpoints are kept; one is saved every second step of six, the best by held-out classes.
  explicit FaultSweep(int keep);
  /// The calls of a kind below the run's folder, counted from 1, of an undisturbed run: all of it, or one save in its
  /// middle, from its first call to the next save's.
  struct Range {
    int first, last;
  };
  Range all(const std::string& call) const { return {1, calls_.back().at(call)}; }
  Range one_save(const std::string& call) const;
  /// The run with `action` at the k-th `call`, then `--resume auto` without it. Empty where all held, else what did
  /// not: exit code, resume, bytes of weights, optimiser, state, log, metrics, names, scraps, more than a save lost.
  std::string tried(const std::string& action, const std::string& call, int k) const;

 private:
  Arguments arguments() const;

  TempFolder folder_;
  int keep_;
  RunContents whole_;
  std::vector<std::map<std::string, int>> calls_;  // so far, at each folder made and at the end
};

}  // namespace fledge::test
