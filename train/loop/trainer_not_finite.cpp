// What --on-nan says of steps and states that are not finite. No such state is ever saved, and none is trained on.
#include <fmt/format.h>

#include <algorithm>

#include "base/printable.h"
#include "train/loop/trainer.h"

namespace fledge {
namespace {

constexpr std::int64_t kMostInRow = 3, kMostRollbacks = 3;

/// "nan", "inf" or "-inf", whatever the sign bit of a NaN; other numbers (a variance below 0) as they are.
std::string number_text(double v) { return v != v ? "nan" : fmt::format("{:g}", v); }

}  // namespace

std::int64_t Trainer::applied_of_epoch(std::int64_t batches) const {
  return std::max<std::int64_t>(1, batches - state_.not_finite.of_epoch);
}

// A step of which nothing was applied. Afterwards the run stands behind its batch, or has stopped.
void Trainer::pass_over(const NotFiniteStep& bad, const Batch& batch) {
  NotFiniteCounts& counts = state_.not_finite;
  std::vector<std::string> names;
  for (const SampleRef& sample : batch.samples) names.push_back(setup_.train->name(sample.index));
  std::string what = bad.what + " is " + number_text(bad.value);
  if (bad.row >= 0 && bad.row < static_cast<std::int64_t>(names.size()))
    what += " for '" + printable(names[static_cast<std::size_t>(bad.row)]) + "'";
  const bool skip = o_.policy.on_nan == OnNan::Skip && counts.in_row < kMostInRow;
  const bool back = o_.policy.on_nan == OnNan::Rollback && counts.rollbacks < kMostRollbacks;
  using Action = NotFinite::Action;
  tell_not_finite(what, skip ? Action::Skip : back ? Action::Rollback : Action::Stop, names);
  if (!skip && !back) {
    std::string shown;
    for (std::size_t i = 0; i < names.size() && i < 8; ++i) shown += (i ? ", " : "") + printable(names[i]);
    stop_not_finite(what + fmt::format(" at step {}", state_.step + 1),
                    shown + (names.size() > 8 ? ", ... (log.jsonl names all)" : ""));
  }
  if (back) roll_back();
  ++counts.in_row;
  ++counts.skipped;
  ++counts.of_epoch;
  ++state_.step;
  ++state_.batch;
}

// Before a checkpoint or an evaluation. A state that is not finite cannot be mended: the last checkpoint takes its
// place, or the run stops.
Checkpoint Trainer::ensure_sound() {
  Checkpoint now;
  store(setup_, now);
  const std::string bad = unsound_number(now);
  if (bad.empty()) return now;
  const bool back = o_.policy.on_nan == OnNan::Rollback && state_.not_finite.rollbacks < kMostRollbacks;
  tell_not_finite(bad, back ? NotFinite::Action::Rollback : NotFinite::Action::Stop, {});
  if (!back) stop_not_finite(bad + fmt::format(" after step {}; nothing of it was saved", state_.step), "");
  roll_back();
  Checkpoint before;
  store(setup_, before);
  return before;
}

void Trainer::keep_beginning() {
  if (o_.policy.on_nan != OnNan::Rollback || newest_checkpoint(run_->path())) return;
  beginning_.emplace();
  store(setup_, *beginning_);
  for (NamedTensors* list : {&beginning_->model, &beginning_->optimizer})
    for (auto& [name, tensor] : *list) tensor = tensor.clone();  // not the memory that training goes on in
  beginning_->state = state_;
}

// Weights, buffers, moments and alarms as the newest sound checkpoint holds them. The run's place stays, as the same
// batches would end in the same numbers: the steps since then count as skipped.
void Trainer::roll_back() {
  if (!beginning_) {
    const auto folder = newest_checkpoint(run_->path());
    if (!folder) stop_not_finite("there is no checkpoint to go back to", "");
    beginning_ = load_checkpoint(*folder);
  }
  const Checkpoint c = *std::exchange(beginning_, std::nullopt);
  if (c.state.step == 0) beginning_ = c;  // still the only one
  restore(setup_, c);
  runner_->restored();
  alarms_.set_state(c.state.alarms);
  NotFiniteCounts& counts = state_.not_finite;
  ++counts.rollbacks;
  counts.skipped = c.state.not_finite.skipped + state_.step - c.state.step;
  const bool same_epoch = c.state.epoch == state_.epoch;
  state_.epoch_sums = same_epoch ? c.state.epoch_sums : std::map<std::string, double>{};
  counts.of_epoch = same_epoch ? c.state.not_finite.of_epoch + state_.batch - c.state.batch : state_.batch;
}

void Trainer::tell_not_finite(const std::string& what, NotFinite::Action action,
                              const std::vector<std::string>& pictures) {
  const std::int64_t step = state_.step + (pictures.empty() ? 0 : 1);
  tell(&RunObserver::not_finite, NotFinite{step, state_.epoch + 1, what, action, pictures});
}

void Trainer::stop_not_finite(const std::string& what, const std::string& pictures) {
  const std::string before = o_.policy.on_nan == OnNan::Skip && state_.not_finite.in_row > 0
                                 ? fmt::format(" ({} steps before it were skipped)", state_.not_finite.in_row)
                             : state_.not_finite.rollbacks > 0
                                 ? fmt::format(" (after {} times back)", state_.not_finite.rollbacks)
                                 : "";
  const bool saved = newest_checkpoint(run_->path()).has_value();
  throw Error(ErrorKind::Numeric, "", what + before + (pictures.empty() ? "" : "; batch: " + pictures),
              std::string("lower --lr, or set --clip-grad; ") +
                  (saved ? "the last checkpoint is sound" : "no checkpoint was written yet"));
}

}  // namespace fledge
