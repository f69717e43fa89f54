// The training loop: one for teachers, students alone and distilled students. What a loss needs is read from its
// declaration. trainer.cpp: epochs and steps; trainer_state.cpp: checkpoints; trainer_evaluation.cpp: what is measured.
#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "base/error.h"
#include "train/compute.h"
#include "train/loop/step_runner.h"
#include "train/loop/training_alarms.h"
#include "train/run/checkpoint.h"
#include "train/run/run_folder.h"
#include "train/run/run_identity.h"
#include "train/run/run_log.h"
#include "train/spec/options.h"
#include "train/training_setup.h"

namespace fledge {

bool out_of_gpu_memory(const Error& e);

class Trainer {
 public:
  Trainer(const RunSpec& options, const Compute& compute);

  const TrainingSetup& setup() const { return setup_; }
  bool finished() const { return state_.finished; }

  /// Everything is written to `run` from here on.
  void use(RunFolder& run) {
    run_ = &run;
    watch(log_.emplace(run));
  }
  /// Tells `observer`, which must outlive the training, what happens; the log is told first.
  void watch(RunObserver& observer) { observers_.push_back(&observer); }
  /// To be called once before train(): takes up the newest sound checkpoint, where --resume asks for it, and begins to
  /// write.
  void resume();
  /// 0, or the signal that stopped it. In either case all that was done is in a checkpoint.
  int train();

 private:
  int run_epoch();
  void finish_epoch(std::chrono::steady_clock::time_point start, std::int64_t images, std::int64_t batches);
  void train_step(const Batch& batch, const std::function<void()>& meanwhile);

  // trainer_not_finite.cpp: what happens to a step or a state that is not finite (--on-nan)
  void pass_over(const NotFiniteStep& bad, const Batch& batch);
  Checkpoint ensure_sound();  // the weights and optimiser state that are sound now
  void keep_beginning();
  void roll_back();
  [[noreturn]] void stop_not_finite(const std::string& what, const std::string& pictures);
  void tell_not_finite(const std::string& what, NotFinite::Action action, const std::vector<std::string>& pictures);
  std::int64_t applied_of_epoch(std::int64_t batches) const;

  /// Calls a member of each observer.
  template <class... Parameters, class... Arguments>
  void tell(void (RunObserver::*event)(Parameters...), const Arguments&... arguments) {
    for (RunObserver* observer : observers_) (observer->*event)(arguments...);
  }
  void note_skipped(const Batch& batch);
  void tell_epoch(std::chrono::steady_clock::time_point start, std::int64_t images, std::int64_t batches);

  bool chooses() const {
    return (setup_.validation && o_.policy.select == Selection::Auto) || o_.policy.select == Selection::Test;
  }
  /// Nothing is left to train: asked between epochs, and of a finished run that is taken up again.
  bool at_end() const {
    return state_.epoch >= o_.optim.epochs || (o_.policy.patience > 0 && state_.since_best >= o_.policy.patience);
  }
  void end_epoch();
  bool evaluate_epoch();
  void write_result();
  struct Evaluation;
  Evaluation measure(EmbeddingModel& model, const std::shared_ptr<Dataset>& pictures, const char* type);
  bool skips() const { return setup_.loading.on_bad_image != OnBadImage::Fail; }

  void take_up(const std::string& folder);
  RunIdentity find_identity();
  void check_identity(const RunState& saved);
  void note_machine(const std::optional<RunIdentity>& before);
  void look_at_contents();
  void remember_identity();
  void write_metrics() const;
  void save();

  const RunSpec& o_;
  RunFolder* run_ = nullptr;
  std::optional<RunLog> log_;
  std::vector<RunObserver*> observers_;
  const Compute compute_;
  TrainingSetup setup_;
  std::unique_ptr<StepRunner> runner_;
  RunState state_;
  TrainingAlarms alarms_;
  std::string identity_hash_;              // once it is known and written
  std::vector<std::string> resume_notes_;  // what a resumed run is not bit-exact or not exact in, for its log
  std::optional<Checkpoint> beginning_;    // what --on-nan rollback goes back to while there is no checkpoint
  std::set<std::string> said_;             // told already: skipped pictures of a set, a collapsed model
};

}  // namespace fledge
