#include "nn/optim/schedule.h"

#include <algorithm>
#include <cmath>

namespace fledge {
namespace {

/// PyTorch's CosineAnnealingLR over the steps after the warm-up; stays at final_lr behind the end.
double cosine_rate(const Schedule& s, std::int64_t step) {
  const double total = static_cast<double>(std::max<std::int64_t>(1, s.total_steps - s.warmup_steps));
  const double t = std::min(static_cast<double>(step - s.warmup_steps), total);
  return s.final_lr + (s.lr - s.final_lr) * (1 + std::cos(M_PI * t / total)) / 2;
}

}  // namespace

double Schedule::at(std::int64_t step) const {
  double rate = lr;
  if (kind == ScheduleKind::Cosine && step >= warmup_steps) rate = cosine_rate(*this, step);
  if (kind == ScheduleKind::Step)
    for (std::int64_t milestone : milestones)
      if (step >= milestone) rate *= gamma;
  if (step < warmup_steps) rate *= static_cast<double>(step + 1) / static_cast<double>(warmup_steps);
  return rate;
}

}  // namespace fledge
