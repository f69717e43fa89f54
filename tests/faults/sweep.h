// One tiny run of the real binary under a fault, resumed, and compared with an undisturbed one.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "tests/apps/runner.h"

namespace fledge::test {

/// What a run's folder holds that must not depend on what happened on the way.
struct RunContents {
  std::map<std::string, Bytes> files;   // of every checkpoint kept, BEST, LATEST and metrics.json
  std::vector<std::string> log;         // lines of steps, evaluations and warnings
  std::vector<std::string> scraps;      // temporaries that nobody will finish
};
RunContents contents_of(const std::string& run);
/// Empty where equal; otherwise what differs.
std::string difference(const RunContents& is, const RunContents& should);

class FaultSweep {
 public:
  /// `keep` checkpoints are kept; one is saved every second step of six, the best by held-out classes.
  explicit FaultSweep(int keep);
  /// Calls of each kind that an undisturbed run makes below its folder.
  const std::map<std::string, int>& calls() const { return calls_; }
  /// The run with `action` at the k-th `call`, then `--resume auto` without it. Empty where all held, else what did
  /// not: exit code, resume, bytes of weights, optimiser, state, log, metrics, names, scraps, more than a save lost.
  std::string tried(const std::string& action, const std::string& call, int k) const;

 private:
  Arguments arguments() const;

  TempFolder folder_;
  int keep_;
  RunContents whole_;
  std::map<std::string, int> calls_;
};

}  // namespace fledge::test
