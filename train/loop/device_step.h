// The step of training on a device. Pictures come as bytes and are normalised there; the next batch is copied beside
// the running step; the teacher's forward runs in a stream of its own beside the student's. After two steps run
// plainly, the whole step is recorded once and replayed from then on: one launch instead of a thousand, always on the
// same memory. What changes between steps (pixels, labels, rates, kept teacher rows) lies in inputs at fixed addresses.
#pragma once
#include <array>
#include <map>
#include <optional>

#include "tensor/stream.h"
#include "train/loop/step_runner.h"

namespace fledge {

class DeviceStep : public StepRunner {
 public:
  DeviceStep(TrainingSetup& setup, const RunSpec& options, const Compute& compute);
  void prepare(const Batch& batch, std::int64_t epoch) override;
  StepResult run(const Batch& batch, const StepPlace& place, const std::function<void()>& meanwhile) override;
  void restored() override;

 private:
  /// Whether a recording fits a step.
  struct Kind {
    std::int64_t rows = 0, labeled = 0;
    bool live_teacher = false;  // the teacher runs; else its rows were kept, or there is none
    auto operator<=>(const Kind&) const = default;
  };
  /// A batch on its way.
  struct Upload {
    Kind kind;
    std::vector<CropId> crops;                    // to keep what the teacher says of
    Tensor pixels, teacher_pixels, labels, rows;  // on the device
    Tensor host_labels, host_rows;                // page-locked
    std::unique_ptr<Event> arrived, taken;        // the copy is done; the step has its own copy
    const void* source = nullptr;                 // null: free
  };
  /// What a step leaves behind, at the same place after each replay.
  struct Outcome {
    LossNumbers numbers;
    std::vector<LossNumbers> own;
    Tensor report;                     // float32: every number that lies on the device, then the gradient norm
    Tensor embedding, teacher_rows;    // of the batch
    std::optional<StepLosses> losses;  // of a step run plainly
    std::unique_ptr<RecordedWork> work;
    std::int64_t plain_steps = 0;
  };

  Upload& uploaded(const Batch& batch, std::int64_t epoch);
  void take_inputs(Upload& u, const StepPlace& place);
  ModelOutput teacher_features(const Kind& kind, const Tensor& student_images);
  void compute(const Kind& kind, const StepPlace& place, Outcome& outcome);
  void write_report(const StepLosses& losses, const Tensor& norm, Outcome& outcome);
  Outcome& outcome_of(const Kind& kind);
  void run_or_replay(const Kind& kind, const StepPlace& place, Outcome& outcome);
  void record(const Kind& kind, const StepPlace& place, Outcome& outcome);
  void count_replayed_step();
  StepResult read_back(const Outcome& outcome);
  bool may_record() const;

  TrainingSetup& s_;
  const RunSpec& o_;
  const Device device_;
  const DType activations_;
  const NormalizeParams normalize_;
  const bool record_;
  Stream copies_, teacher_stream_;
  Event inputs_ready_, teacher_ready_;
  std::array<Upload, 2> uploads_;
  int next_upload_ = 0;
  Tensor pixels_, teacher_pixels_, labels_, rows_, rates_;  // the inputs at fixed addresses
  Tensor host_rates_, host_report_, host_embedding_;        // page-locked
  KeptBuffers buffers_;
  std::map<Kind, Outcome> outcomes_;
  std::int64_t steps_ = 0;
};

}  // namespace fledge
