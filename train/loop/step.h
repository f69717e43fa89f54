// One step of learning, forward and backward: Algorithm 1 of the paper. The steps on the CPU (host_step.h) and on a
// device (device_step.h) and `fledge bench` run this function; they differ in where pictures come from, in what is
// looked at, and in how the update is made.
#pragma once
#include <functional>
#include <memory>
#include <vector>

#include "nn/losses/loss.h"
#include "nn/models/model.h"
#include "nn/optim/optimizer.h"

namespace fledge {

struct WeightedLoss {
  std::shared_ptr<Loss> loss;
  double weight = 1;
};

/// What learns, and from what.
struct Learner {
  std::shared_ptr<EmbeddingModel> model;
  std::vector<WeightedLoss> losses;
  LossNeeds needs;  // of all losses together
  std::unique_ptr<Optimizer> optimizer;
};

struct StepInput {
  Tensor images;             // N,3,H,W, normalised, where the model is
  Tensor labels;             // N int64, there too; -1: none
  std::int64_t labeled = 0;  // the first rows have a label, the others have none
  std::int64_t step = 0;     // of the run, from 0
};

/// What one batch gave. Kept until the optimiser has stepped, as losses that remember look at it again.
struct StepLosses {
  Variable total;  // scalar, the weighted sum
  LossNumbers numbers;
  std::vector<LossNumbers> own;
  ModelOutput student, teacher;          // of all rows
  ModelOutput labeled, labeled_teacher;  // of the rows with a label; the same as above when all have one
  Tensor labels;                         // of those
};

struct StepHooks {
  std::function<void()> forward_done;                  // before the losses: waits for a teacher that computes beside
  std::function<bool(const StepLosses&)> may_go_back;  // false: no gradients are made
};

/// The student's output, the losses, and the gradients of their weighted sum in the optimiser's parameters. `teacher`:
/// what it said of the same pictures, without a graph; empty where nothing is distilled. Losses that need labels
/// see the first `labelled` rows, the others see all. A loss that does not run on a device gets its features, and gives
/// its gradient, through the host.
StepLosses forward_backward(Learner& learner, const StepInput& input, const ModelOutput& teacher,
                            const StepHooks& hooks = {});

/// To be called after the optimiser's step: losses that remember do it now.
void remember(const Learner& learner, const StepLosses& losses, std::int64_t step);

}  // namespace fledge
