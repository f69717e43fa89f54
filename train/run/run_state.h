// Where a run stands: everything besides weights and moments that its future depends on, and what it has said so far.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace fledge {

/// Steps whose numbers were not finite and that the run went on without (--on-nan).
struct NotFiniteCounts {
  std::int64_t skipped = 0;    // of the whole run; after a going back also the steps that it undid
  std::int64_t of_epoch = 0;   // of them, in the current epoch
  std::int64_t in_row = 0;     // since the last step that was applied
  std::int64_t rollbacks = 0;  // of the whole run
  friend bool operator==(const NotFiniteCounts&, const NotFiniteCounts&) = default;
};

/// Order and augmentation are functions of (seed, epoch, sample), so the cursor is the
/// sampler's and the generators' whole state.
struct RunState {
  std::int64_t step = 0;   // steps done
  std::int64_t epoch = 0;  // epoch of the next step
  std::int64_t batch = 0;  // batches of that epoch done
  std::uint64_t seed = 0;
  std::uint64_t order_hash = 0;  // of that epoch's order: another data set is noticed
  bool finished = false;
  bool evaluation_due = false;  // stopped between an epoch and its evaluation
  // Of the evaluations that choose the run's result: the best Recall@1 so far, its step, evaluations since. -1: none.
  double best = -1;
  std::int64_t best_step = 0, since_best = 0;
  NotFiniteCounts not_finite;
  std::map<std::string, double> epoch_sums;           // running sums for the epoch's means
  std::int64_t log_lines = -1;                        // of log.jsonl at that moment; -1: from before they were counted
  std::map<std::string, std::vector<double>> alarms;  // what each alarm remembers
  std::map<std::string, std::string> autotuned;       // what --autotune chose, problem by problem
  std::string identity;                               // RunIdentity::hash(); "": not known when it was saved
  std::map<std::string, std::string> skipped;         // unreadable training pictures by name, and why
  std::string result;                                 // text of metrics.json, once there is a result
};

/// state.json, format fledge-state-2.
std::string state_text(const RunState& state);
/// Reads fledge-state-1 and -2. Error(BadInput) naming `path` and the key: no such state, a number that is missing or
/// that no run can have.
RunState parse_state(const std::vector<std::uint8_t>& bytes, const std::string& path);

}  // namespace fledge
