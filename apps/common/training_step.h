// One step of training: a batch through teacher, student and losses, and the update. On the CPU here, on a device in
// device_step.h; the trainer sees StepRunner only.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "apps/common/compute.h"
#include "apps/common/training_setup.h"
#include "data/loader.h"

namespace fledge {

using Numbers = std::vector<std::pair<std::string, double>>;

/// Where in the run a step is, counted from 0, and its learning rate.
struct StepPlace {
  std::int64_t epoch = 0, step = 0;
  double lr = 0;
};

struct StepResult {
  Numbers numbers;           // "loss", each loss by its name and its numbers ("triplet.active")
  std::vector<Numbers> own;  // LossOutput::numbers of each loss
  double loss = 0, grad_norm = 0;
  std::string not_finite;  // "loss" or "gradient norm": then nothing was updated
  double rank = -1;        // effective rank of the embeddings, on a device those of the step before; -1: not looked at
};

class StepRunner {
 public:
  virtual ~StepRunner() = default;
  /// May begin to bring the batch to where it is used; the batch lives until its step is done.
  virtual void prepare(const Batch&, std::int64_t /*epoch*/) {}
  /// The whole step. `meanwhile` is called once, when there is time to fetch and prepare the next batch.
  virtual StepResult run(const Batch& batch, const StepPlace& place, const std::function<void()>& meanwhile) = 0;
};

/// The runner for the device; `compute` and the others must outlive it.
std::unique_ptr<StepRunner> make_step_runner(TrainingSetup& setup, const TrainOptions& options, const Compute& compute);

// ---- the parts that both runners share ----

/// What one batch gave. Kept until the optimiser has stepped, as losses that remember look at it again.
struct StepLosses {
  Variable total;  // scalar, the weighted sum
  LossNumbers numbers;
  std::vector<LossNumbers> own;
  Features student, teacher;            // of all rows
  Features labelled, labelled_teacher;  // of the rows with a label; the same as above when all have one
  Tensor labels;                        // of those
};

/// Losses that need labels see the first `labelled` rows, the others see all. `labels`: of all rows, where the features
/// are. A loss that does not run on a device gets its features, and gives its gradient, through the host.
StepLosses losses_of(TrainingSetup& setup, const Features& student, const Features& teacher, const Tensor& labels,
                     std::int64_t labelled, std::int64_t step);
/// To be called after the optimiser's step.
void remember(TrainingSetup& setup, const StepLosses& losses, std::int64_t step);
/// How many pictures of the batch have a label; those without are the last ones.
std::int64_t count_labelled(const Tensor& labels);
/// The crops of a batch, as the teacher's cache knows them.
std::vector<CropId> crops_of(const TrainingSetup& setup, const Batch& batch, std::int64_t epoch, std::int64_t crops);

}  // namespace fledge
