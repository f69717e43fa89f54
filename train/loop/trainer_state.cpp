// The run on disk: going on from a checkpoint, and saving one.
#include <fmt/format.h>

#include "base/error.h"
#include "io/file.h"
#include "io/folder.h"
#include "kernels/api/autotune.h"
#include "train/loop/trainer.h"

namespace fledge {

// Reads and checks everything first; only then does the run's folder change.
void Trainer::resume() {
  const bool resume = o_.policy.resume != Resume::Never;
  const auto folder = resume ? newest_checkpoint(run_->path(), o_.policy.resume == Resume::Anew) : std::nullopt;
  if (folder) take_up(*folder);
  run_->begin(state_.step, folder ? state_.log_lines : 0);
  if (!state_.finished)
    for (const std::string& text : folder ? resume_notes_ : setup_.overlaps)
      tell(&RunObserver::warned, Warning{state_.step, text});
  recover_checkpoints(run_->path());
  set_damaged_aside(run_->path(), folder);
  if (folder) {
    tidy_checkpoints(run_->path(), state_, o_.policy.keep);
    tell(&RunObserver::said, fmt::format("resumed at step {}", state_.step), true);
  }
  if (!state_.finished) look_at_contents();
  // metrics.json follows from the state; one of a finished run of before results were in it stays.
  const bool old_result = state_.finished && state_.log_lines < 0;
  if (!old_result) write_metrics();
}

void Trainer::take_up(const std::string& folder) {
  const Checkpoint c = load_checkpoint(folder);
  if (c.state.seed != o_.policy.seed)
    throw Error(ErrorKind::Usage, "",
                fmt::format("cannot resume: the run was made with --seed {}, not {}", c.state.seed, o_.policy.seed));
  check_identity(c.state);
  const std::string state_file = folder + "/state.json";
  if (c.state.batch > 0 && c.state.batch >= static_cast<std::int64_t>(setup_.sampler->epoch(c.state.epoch).size()))
    throw Error(ErrorKind::BadInput, "", "cannot resume from '" + state_file + "': its 'batch' lies beyond the epoch");
  if (c.state.order_hash != setup_.sampler->order_hash(c.state.epoch) && !o_.policy.resume_allow_change)
    throw Error(ErrorKind::Usage, "", "cannot resume: the training pictures are not those the run began with",
                "restore them, or start a new run with --run");
  try {
    restore(setup_, c);
    alarms_.set_state(c.state.alarms);
  } catch (const Error& e) {
    throw Error(e.kind(), "",
                "cannot resume from '" + folder + "' as " + o_.model.network.describe() + ": " + e.problem(), e.hint());
  }
  state_ = c.state;
  take_autotuned(state_.autotuned);
  state_.finished &= at_end();  // more --epochs than it once had: it goes on
  if (!state_.finished) state_.result.clear();
}

void Trainer::write_metrics() const {
  const std::string path = run_->file("metrics.json");
  if (state_.result.empty()) return remove_tree(path);
  const auto before = read_file_if_there(path);
  if (!before || std::string(before->begin(), before->end()) != state_.result) write_file_atomic(path, state_.result);
}

void Trainer::save() {
  Checkpoint c = ensure_sound();
  state_.order_hash = setup_.sampler->order_hash(state_.epoch);
  state_.alarms = alarms_.state();
  state_.autotuned = autotuned();
  remember_identity();
  state_.log_lines = run_->log_lines();
  run_->sync_log();  // the lines that the state counts
  c.state = state_;
  save_checkpoint(run_->path(), c, o_.policy.keep);
  beginning_.reset();
}

}  // namespace fledge
