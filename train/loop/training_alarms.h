// The alarms of a run (train/loop/alarms.h), fed with each step.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "train/loop/alarms.h"
#include "train/loop/step_runner.h"
#include "train/spec/options.h"

namespace fledge {

class TrainingAlarms {
 public:
  /// `taught`: by a teacher's losses too, which go on when no triplet is active any more.
  TrainingAlarms(const RunSpec& options, std::int64_t embedding, bool taught);
  /// The messages of the alarms that go off at this step.
  std::vector<std::string> observe(const StepResult& result);
  /// All that they remember, for state.json, and back. A state without them leaves them new. Error(BadInput): not such.
  std::map<std::string, std::vector<double>> state() const;
  void set_state(const std::map<std::string, std::vector<double>>& state);
  /// Effective rank of the embeddings when it was last looked at.
  double rank() const { return rank_; }

 private:
  std::int64_t batch_, embedding_;
  bool taught_;
  CollapseAlarm collapse_;
  DeadLossAlarm dead_;
  RankAlarm low_rank_;
  double rank_ = 0;
};

}  // namespace fledge
