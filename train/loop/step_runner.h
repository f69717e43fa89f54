// A step of training as the trainer sees it: a batch through teacher, student and losses (step.h), a look at its
// numbers, and the update. On the CPU: host_step.h; on a device: device_step.h.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "data/loader.h"
#include "train/compute.h"
#include "train/loop/observer.h"
#include "train/loop/step.h"
#include "train/training_setup.h"

namespace fledge {

/// Where in the run a step is, counted from 0, and its learning rate.
struct StepPlace {
  std::int64_t epoch = 0, step = 0;
  double lr = 0;
};

/// What of a step is NaN or infinite. Then nothing was updated, and with --on-nan skip running statistics are as they
/// were before the step.
struct NotFiniteStep {
  std::string what;  // "loss", "gradient norm", "teacher's embedding", "running statistics 'bn1.running_var'"
  double value = 0;
  std::int64_t row = -1;  // of the batch: whose picture it is; -1: of no one alone
  explicit operator bool() const { return !what.empty(); }
};

struct StepResult {
  Numbers numbers;           // "loss", each loss by its name and its numbers ("triplet.active")
  std::vector<Numbers> own;  // LossOutput::numbers of each loss
  double loss = 0, grad_norm = 0;
  NotFiniteStep not_finite;
  std::optional<double> teacher_spread;  // of a first step: the teacher's embeddings differ by rounding only
  double rank = -1;  // effective rank of the embeddings, on a device those of the step before; -1: not looked at
};

class StepRunner {
 public:
  virtual ~StepRunner() = default;
  /// May begin to bring the batch to where it is used; the batch lives until its step is done.
  virtual void prepare(const Batch&, std::int64_t /*epoch*/) {}
  /// The whole step. `meanwhile` is called once, when there is time to fetch and prepare the next batch.
  virtual StepResult run(const Batch& batch, const StepPlace& place, const std::function<void()>& meanwhile) = 0;
  /// To be called after weights and moments were read back from a checkpoint.
  virtual void restored() {}
};

/// The buffers of a model (running statistics, counters), kept to undo a step.
class KeptBuffers {
 public:
  explicit KeptBuffers(const Module& module);
  void keep();
  void put_back() const;
  /// The first that is NaN, infinite or a negative variance.
  NotFiniteStep first_unsound_buffer() const;

 private:
  std::vector<std::pair<std::string, Tensor>> buffers_;
  std::vector<Tensor> copies_;
};

/// The runner for the device; `compute` and the others must outlive it.
std::unique_ptr<StepRunner> make_step_runner(TrainingSetup& setup, const RunSpec& options, const Compute& compute);

// ---- the parts that both runners share ----

/// How many pictures of the batch have a label; those without are the last ones.
std::int64_t count_labeled(const Tensor& labels);
/// The crops of a batch, as the teacher's cache knows them.
std::vector<CropId> crops_of(const TrainingSetup& setup, const Batch& batch, std::int64_t epoch, std::int64_t crops);

}  // namespace fledge
