// The step on the CPU, one thing after the other: nothing is updated before its numbers have been looked at.
#pragma once
#include "train/loop/step_runner.h"

namespace fledge {

class HostStep : public StepRunner {
 public:
  HostStep(TrainingSetup& setup, const RunSpec& options, const Compute& compute);
  StepResult run(const Batch& batch, const StepPlace& place, const std::function<void()>& meanwhile) override;

 private:
  StepResult look_and_update(const Batch& batch, const StepPlace& place, const std::function<void()>& meanwhile);
  bool look_at(const StepLosses& losses, StepResult& result);
  ModelOutput teacher_features(const Batch& batch, std::int64_t epoch);

  TrainingSetup& s_;
  const RunSpec& o_;
  KeptBuffers buffers_;
  const bool undo_;
  const DType activations_;
  bool looked_at_teacher_ = false;
};

}  // namespace fledge
