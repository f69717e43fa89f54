// Learning rate as a pure function of the step.
#pragma once
#include <cstdint>
#include <vector>

namespace fledge {

enum class ScheduleKind {
  Constant,
  Cosine,  // to `final_lr` at the last step
  Step,    // times gamma at the milestones
};

struct Schedule {
  ScheduleKind kind = ScheduleKind::Constant;
  double lr = 1e-3;
  double final_lr = 0;
  std::int64_t total_steps = 1;
  std::int64_t warmup_steps = 0;              // linear from lr/warmup_steps
  std::vector<std::int64_t> milestones = {};  // in steps
  double gamma = 0.1;

  /// Rate of step t = 0, 1, ...: cosine is lr_t = final + (lr - final) * (1 + cos(pi * t / total)) / 2, as PyTorch's
  /// CosineAnnealingLR. With a warm-up the cosine runs over the steps after it (t - warmup of total - warmup), so that
  /// the rate is lr where the warm-up ends.
  double at(std::int64_t step) const;
};

}  // namespace fledge
