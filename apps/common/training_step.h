// One batch through teacher, student and losses.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "apps/common/training_setup.h"
#include "data/loader.h"

namespace fledge {

/// What one batch gave. Kept until the optimiser has stepped, as losses that remember look at it again.
struct StepLosses {
  Variable total;  // scalar, the weighted sum
  std::vector<std::pair<std::string, double>>
      numbers;  // "loss", each loss by its name and its numbers ("triplet.active")
  std::vector<std::vector<std::pair<std::string, double>>> own;  // LossOutput::numbers of each loss
  Features student, teacher;                                     // of all rows
  Features labelled, labelled_teacher;  // of the rows with a label; the same as above when all have one
  Tensor labels;                        // of those
};

/// epoch, step: counted from 0. Losses that need labels see the rows that have one; the others see all rows.
StepLosses compute_losses(TrainingSetup& setup, const TrainOptions& options, const Batch& batch, std::int64_t epoch,
                          std::int64_t step);

/// To be called after the optimiser's step.
void remember(TrainingSetup& setup, const StepLosses& losses, std::int64_t step);

}  // namespace fledge
