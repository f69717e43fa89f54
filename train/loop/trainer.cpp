#include "train/loop/trainer.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "base/error.h"
#include "base/interrupt.h"
#include "kernels/api/device_runtime.h"

namespace fledge {

bool out_of_gpu_memory(const Error& e) { return e.problem().rfind(kOutOfGpuMemory, 0) == 0; }

Trainer::Trainer(const RunSpec& options, const Compute& compute)
    : o_(options),
      compute_(compute),
      setup_(set_up_training(options, compute.device, compute.activations)),
      runner_(make_step_runner(setup_, options, compute)),
      alarms_(options, setup_.model->embedding_size(), setup_.teacher != nullptr) {
  state_.seed = o_.policy.seed;
}

// 0, or the signal that stopped it. In either case all that was done is in a checkpoint.
int Trainer::train() {
  try {
    keep_beginning();
    if (state_.evaluation_due) end_epoch();
    while (!at_end())
      if (const int signal = run_epoch()) return signal;
    if (setup_.test && o_.policy.final_eval) ensure_sound(), write_result();
  } catch (const Stopped& stopped) {  // during an evaluation
    save();
    return stopped.signal;
  } catch (const Error& e) {
    if (!out_of_gpu_memory(e)) throw;
    save();  // the step that failed had not touched the weights
    throw Error(e.kind(), e.op(), e.problem(), e.hint() + "; all finished steps are in the checkpoint");
  }
  state_.finished = true;
  save();
  write_metrics();
  if (!state_.skipped.empty())
    tell(&RunObserver::said,
         fmt::format("warning: {} training pictures could not be read and were skipped: log.jsonl names them",
                     state_.skipped.size()),
         false);
  return 0;
}

int Trainer::run_epoch() {
  auto batches = setup_.sampler->epoch(state_.epoch);
  const std::int64_t per_epoch = static_cast<std::int64_t>(batches.size());
  LoaderOptions loading = setup_.loading;
  for (const auto& batch : batches) loading.pass_samples += static_cast<std::int64_t>(batch.size());
  for (const auto& [name, reason] : state_.skipped) loading.known_bad.insert(name);
  batches.erase(batches.begin(), batches.begin() + state_.batch);
  if (state_.batch == 0) state_.epoch_sums.clear(), state_.not_finite.of_epoch = 0;
  const TrainingViews views{setup_.transform, o_.policy.seed, state_.epoch,
                            o_.views.crops,   setup_.boxes,   setup_.degradation};
  Loader loader(setup_.train, std::move(batches), training_views(setup_.train, views), loading);
  const auto start = std::chrono::steady_clock::now();
  const std::int64_t first = state_.batch;
  const std::int64_t pictures = per_epoch * o_.data.batch_size;
  tell(&RunObserver::epoch_started,
       EpochStart{state_.epoch + 1, o_.optim.epochs, pictures, state_.batch * o_.data.batch_size});
  std::optional<Batch> batch = loader.next(), following;
  if (batch) runner_->prepare(*batch, state_.epoch);
  int signal = 0;
  for (; batch && !signal; batch = std::exchange(following, std::nullopt)) {
    train_step(*batch, [&] {
      following = loader.next();
      if (following) runner_->prepare(*following, state_.epoch);
    });
    signal = stop_signal();
    if (state_.batch == per_epoch) break;
    if (signal || (o_.policy.save_every > 0 && state_.step % o_.policy.save_every == 0)) save();
  }
  tell(&RunObserver::epoch_left);
  if (state_.batch < per_epoch) return signal;
  finish_epoch(start, (per_epoch - first) * o_.data.batch_size, per_epoch);
  return stop_signal();
}

void Trainer::finish_epoch(std::chrono::steady_clock::time_point start, std::int64_t images, std::int64_t batches) {
  ++state_.epoch, state_.batch = 0;
  tell_epoch(start, images, batches);
  const std::int64_t every = o_.policy.eval_every > 0                                   ? o_.policy.eval_every
                             : setup_.validation || o_.policy.select == Selection::Test ? 1
                                                                                        : 0;
  const bool stopped = stop_signal() != 0;
  state_.evaluation_due = every > 0 && (state_.epoch % every == 0 || (chooses() && state_.epoch == o_.optim.epochs));
  if (stopped)
    save();
  else
    end_epoch();
}

void Trainer::train_step(const Batch& batch, const std::function<void()>& meanwhile) {
  note_skipped(batch);
  const StepPlace place{state_.epoch, state_.step, setup_.schedule.at(state_.step)};
  bool fetched = false;
  const auto fetch = [&] {
    if (!std::exchange(fetched, true)) meanwhile();
  };
  const StepResult result = runner_->run(batch, place, fetch);
  if (result.not_finite) {
    pass_over(result.not_finite, batch);
    return fetch();
  }
  state_.not_finite.in_row = 0;
  const auto warn = [&](const std::string& text) { tell(&RunObserver::warned, Warning{state_.step + 1, text}); };
  for (const std::string& message : alarms_.observe(result)) warn(message);
  if (result.teacher_spread)
    warn(
        fmt::format("the teacher's embeddings of a batch are the same but for rounding (they differ by {:.1g} of their "
                    "length): it tells no two pictures apart, and teaches the student the same",
                    *result.teacher_spread));
  Numbers numbers = result.numbers;
  numbers.emplace_back("embedding_rank", alarms_.rank());
  for (const auto& [name, value] : numbers) state_.epoch_sums[name] += value;
  ++state_.step;
  ++state_.batch;
  tell(&RunObserver::step_done,
       StepDone{state_.step, state_.epoch + 1, numbers, place.lr, result.grad_norm, state_.batch * o_.data.batch_size,
                state_.epoch_sums, applied_of_epoch(state_.batch)});
}

// Training pictures that others stand in for: each is named once in a run.
void Trainer::note_skipped(const Batch& batch) {
  for (const BadPicture& bad : batch.bad) {
    const std::string name = setup_.train->name(bad.index);
    if (!state_.skipped.emplace(name, bad.reason).second) continue;
    tell(&RunObserver::picture_skipped, PictureSkipped{state_.step + 1, state_.epoch + 1, name, bad.reason});
  }
}

void Trainer::tell_epoch(std::chrono::steady_clock::time_point start, std::int64_t images, std::int64_t batches) {
  EpochDone done;
  done.step = state_.step, done.epoch = state_.epoch;
  done.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  done.images_per_second = static_cast<double>(images) / done.seconds;
  done.skipped_steps = state_.not_finite.of_epoch;
  for (const auto& [name, sum] : state_.epoch_sums)
    done.means.emplace_back(name, sum / static_cast<double>(applied_of_epoch(batches)));
  if (skips()) done.unreadable_pictures = state_.skipped.size();
  tell(&RunObserver::epoch_done, done);
}

}  // namespace fledge
