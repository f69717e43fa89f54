// The run on disk: going on from a checkpoint, and saving one.
#include <fmt/format.h>

#include <cstdio>

#include "apps/common/trainer.h"
#include "kernels/api/error.h"

namespace fledge {

void Trainer::resume() {
  const auto folder = newest_checkpoint(run_->path(), true);
  if (!folder) return run_->rewind_log(0);  // stopped before its first checkpoint: it begins again
  const Checkpoint c = load_checkpoint(*folder);
  if (c.state.seed != o_.seed)
    throw Error(ErrorKind::Usage, "",
                fmt::format("cannot resume: the run was made with --seed {}, not {}", c.state.seed, o_.seed));
  if (c.state.order_hash != setup_.sampler->order_hash(c.state.epoch))
    throw Error(ErrorKind::Usage, "", "cannot resume: the training pictures are not those the run began with",
                "restore them, or start a new run with --run");
  try {
    restore(setup_, c);
  } catch (const Error& e) {
    throw Error(e.kind(), "", "cannot resume from '" + *folder + "' as " + o_.model.describe() + ": " + e.problem(),
                e.hint());
  }
  state_ = c.state;
  state_.finished &= state_.epoch >= o_.epochs;  // more --epochs than it once had: it goes on
  run_->rewind_log(state_.step);
  if (!o_.machine.quiet) std::fprintf(stderr, "resumed at step %lld\n", static_cast<long long>(state_.step));
}

void Trainer::save() {
  state_.order_hash = setup_.sampler->order_hash(state_.epoch);
  Checkpoint c;
  store(setup_, c);
  c.state = state_;
  save_checkpoint(run_->path(), c, o_.keep);
}

}  // namespace fledge
