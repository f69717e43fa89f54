#include "apps/common/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "apps/common/evaluate.h"
#include "apps/common/progress.h"
#include "apps/common/run_folder.h"
#include "apps/common/signals.h"
#include "apps/common/training_setup.h"
#include "apps/common/training_step.h"
#include "io/file.h"
#include "kernels/api/device_runtime.h"
#include "kernels/api/error.h"
#include "nn/losses/collapse.h"

namespace fledge {
namespace {

using nlohmann::json;

// What the collapse alarm compares with: the margin of a hinge, 0 for losses without one.
double hinge_margin(const TrainOptions& o) {
  const auto& declared = loss_registry();
  const auto entry = declared.find(o.loss);
  if (entry == declared.end()) return 0;
  const bool has_margin = std::any_of(entry->second.options.begin(), entry->second.options.end(),
                                      [](const auto& option) { return option.first == "margin"; });
  const auto form = o.loss_options.find("form");
  if (!has_margin || (form != o.loss_options.end() && form->second == "soft")) return 0;
  return std::atof(o.loss_options.at("margin").c_str());
}

bool out_of_gpu_memory(const Error& e) { return e.problem().rfind(kOutOfGpuMemory, 0) == 0; }

class Trainer {
 public:
  Trainer(const TrainOptions& options, const Compute& compute)
      : o_(options),
        compute_(compute),
        setup_(set_up_training(options, compute.device, compute.activations)),
        runner_(make_step_runner(setup_, options, compute)),
        alarm_({.margin = hinge_margin(options)}) {
    state_.seed = o_.seed;
  }

  const TrainingSetup& setup() const { return setup_; }
  bool finished() const { return state_.finished; }

  /// Everything is written to `run` from here on.
  void use(RunFolder& run) { run_ = &run; }

  void resume() {
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

  // 0, or the signal that stopped it. In either case all that was done is in a checkpoint.
  int train() {
    try {
      if (state_.evaluation_due) evaluate_epoch();
      while (state_.epoch < o_.epochs && !out_of_patience())
        if (const int signal = run_epoch()) return signal;
      if (setup_.test && o_.final_eval) write_result();
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
    return 0;
  }

 private:
  int run_epoch() {
    auto batches = setup_.sampler->epoch(state_.epoch);
    const std::int64_t per_epoch = static_cast<std::int64_t>(batches.size());
    batches.erase(batches.begin(), batches.begin() + state_.batch);
    if (state_.batch == 0) state_.epoch_sums.clear();
    const TrainingViews views{setup_.transform, o_.seed, state_.epoch, o_.crops, setup_.boxes, setup_.degradation};
    Loader loader(setup_.train, std::move(batches), training_views(setup_.train, views), setup_.loading);
    const auto start = std::chrono::steady_clock::now();
    const std::int64_t first = state_.batch;
    bool last = false;
    {
      Progress progress(fmt::format("epoch {:>2}/{}", state_.epoch + 1, o_.epochs), per_epoch * o_.batch_size,
                        o_.machine.quiet, state_.batch * o_.batch_size);
      std::optional<Batch> batch = loader.next(), following;
      if (batch) runner_->prepare(*batch, state_.epoch);
      for (; batch; batch = std::move(following)) {
        train_step(*batch, [&] {
          following = loader.next();
          if (following) runner_->prepare(*following, state_.epoch);
        });
        progress.update(state_.batch * o_.batch_size, note());
        last = state_.batch == per_epoch;
        const int signal = stop_signal();
        if (last) break;
        if (signal || (o_.save_every > 0 && state_.step % o_.save_every == 0)) save();
        if (signal) return signal;
      }
    }
    for (const auto& name : loader.bad_images()) std::fprintf(stderr, "warning: skipped %s\n", name.c_str());
    if (last) finish_epoch(start, (per_epoch - first) * o_.batch_size, per_epoch);
    return last ? stop_signal() : 0;
  }

  void finish_epoch(std::chrono::steady_clock::time_point start, std::int64_t images, std::int64_t batches) {
    ++state_.epoch, state_.batch = 0;
    log_epoch(start, images, batches);
    const std::int64_t every = o_.eval_every > 0 ? o_.eval_every : setup_.validation || o_.select == "test" ? 1 : 0;
    const bool stopped = stop_signal() != 0;
    state_.evaluation_due = every > 0 && (state_.epoch % every == 0 || (chooses() && state_.epoch == o_.epochs));
    if (state_.evaluation_due && !stopped) evaluate_epoch();
    if (stopped || o_.save_every == 0 || state_.step % o_.save_every == 0) save();
  }

  void train_step(const Batch& batch, const std::function<void()>& meanwhile) {
    const StepPlace place{state_.epoch, state_.step, setup_.schedule.at(state_.step)};
    const StepResult result = runner_->run(batch, place, meanwhile);
    json line{{"type", "step"}, {"step", state_.step + 1}, {"epoch", state_.epoch + 1}};
    for (const auto& [name, value] : result.numbers) record(line, name, value);
    if (!result.not_finite.empty())
      refuse(result.not_finite, result.not_finite == "loss" ? result.loss : result.grad_norm, batch);
    watch(result, line);
    line["lr"] = place.lr;
    line["grad_norm"] = result.grad_norm;
    ++state_.step;
    ++state_.batch;
    run_->log(line.dump());
  }

  // The alarms, and the number that one of them looks at.
  void watch(const StepResult& result, json& line) {
    std::vector<std::string> messages;
    if (result.rank >= 0) {
      last_rank_ = result.rank;
      messages.push_back(rank_alarm_.observe(result.rank, o_.batch_size, setup_.model->embedding_size()));
    }
    record(line, "embedding_rank", last_rank_);
    for (const auto& numbers : result.own) {
      messages.push_back(alarm_.observe(numbers));
      if (!setup_.teacher) messages.push_back(dead_alarm_.observe(numbers));
    }
    for (const std::string& message : messages)
      if (!message.empty()) warn(message);
  }

  void record(json& line, const std::string& name, double value) {
    line[name] = value;
    state_.epoch_sums[name] += value;
  }

  // The weights were not touched. Names the pictures.
  [[noreturn]] void refuse(const std::string& what, double value, const Batch& batch) {
    std::string names;
    for (std::size_t i = 0; i < batch.samples.size() && i < 8; ++i)
      names += (i ? ", " : "") + setup_.train->name(batch.samples[i].index);
    throw Error(ErrorKind::Numeric, "",
                fmt::format("{} is {} at step {}; batch: {}, ...", what, value, state_.step + 1, names),
                "lower --lr, or set --clip-grad; the last checkpoint is sound");
  }

  void warn(const std::string& text) {
    std::fprintf(stderr, "\nwarning: %s\n", text.c_str());
    run_->log(json{{"type", "warning"}, {"step", state_.step + 1}, {"text", text}}.dump());
  }

  // Means of the epoch so far: what the progress bar shows.
  std::string note() const {
    std::string text;
    const double n = static_cast<double>(std::max<std::int64_t>(1, state_.batch));
    for (const auto& [name, sum] : state_.epoch_sums)
      if (name.find("mean_") == std::string::npos && name != "embedding_rank")
        text += fmt::format("{}{} {:.4g}", text.empty() ? "" : "  ", name, sum / n);
    return text;
  }

  void log_epoch(std::chrono::steady_clock::time_point start, std::int64_t images, std::int64_t batches) {
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    json line{{"type", "epoch"},
              {"step", state_.step},
              {"epoch", state_.epoch},
              {"seconds", seconds},
              {"images_per_second", static_cast<double>(images) / seconds}};
    for (const auto& [name, sum] : state_.epoch_sums) line[name] = sum / static_cast<double>(batches);
    run_->log(line.dump());
  }

  bool chooses() const { return (setup_.validation && o_.select == "auto") || o_.select == "test"; }
  bool out_of_patience() const { return o_.patience > 0 && state_.since_best >= o_.patience; }

  // The due evaluations of an epoch, and whether it is the best one so far.
  void evaluate_epoch() {
    double chosen = -1;
    if (setup_.validation) {
      const json m = measure(*setup_.model, setup_.validation, "validation");
      if (o_.select == "auto") chosen = m.at(choice_key());
    }
    if (setup_.test && (o_.eval_every > 0 || o_.select == "test") && state_.epoch < o_.epochs + (o_.select == "test")) {
      const json m = measure(*setup_.model, setup_.test, "eval");
      if (o_.select == "test") chosen = m.at(choice_key());
    }
    state_.evaluation_due = false;
    if (!chooses()) return;
    if (chosen > state_.best) {
      state_.best = chosen, state_.best_step = state_.step, state_.since_best = 0;
      save();
      mark_best(run_->path(), state_.step);
    } else {
      ++state_.since_best;
    }
  }

  // Recall at the smallest K asked for.
  std::string choice_key() const {
    const auto counts = parse_counts(o_.recall_at, "--recall-at");
    return "recall@" + std::to_string(*std::min_element(counts.begin(), counts.end()));
  }

  // metrics.json: the test pictures with the run's result.
  void write_result() {
    json result;
    const auto folder = state_.best >= 0 ? result_checkpoint(run_->path()) : std::nullopt;
    if (folder) {
      const Checkpoint best = load_checkpoint(*folder);
      EmbeddingModel model(o_.model, o_.seed);
      load_state_dict(model, best.model);
      result = measure(model, setup_.test, "eval");
      result["epoch"] = best.state.epoch;
    } else {
      result = measure(*setup_.model, setup_.test, "eval");
      result["epoch"] = state_.epoch;
    }
    result["selected_by"] = !folder ? "last" : o_.select == "test" ? "test" : "validation";
    write_file_atomic(run_->file("metrics.json"), result.dump() + "\n");
  }

  // Embeds and measures the pictures, and logs a line of `type`.
  json measure(const EmbeddingModel& model, const std::shared_ptr<Dataset>& pictures, const char* type) {
    EmbedOptions options;
    options.preprocessing = setup_.preprocessing;
    options.workers = o_.workers;
    options.quiet = o_.machine.quiet;
    options.compute = compute_;
    options.compute.activations = DType::Float32;  // what is measured is the weights' doing, not rounding's
    options.what = std::string(type) == "eval" ? "evaluate" : type;
    const Embeddings e = embed_dataset(model, pictures, options);
    RetrievalOptions retrieval;
    retrieval.recall_at = parse_counts(o_.recall_at, "--recall-at");
    retrieval.sample_queries = std::string(type) == "eval" ? o_.test_queries : 0;
    retrieval.sample_seed = o_.seed;
    const json metrics =
        json::parse(metrics_json(evaluate_retrieval(e.vectors, e.labels, e.vectors, e.labels, retrieval)));
    json line = metrics;
    line.update({{"type", type}, {"step", state_.step}, {"epoch", state_.epoch}});
    run_->log(line.dump());
    return metrics;
  }

  void save() {
    state_.order_hash = setup_.sampler->order_hash(state_.epoch);
    Checkpoint c;
    store(setup_, c);
    c.state = state_;
    save_checkpoint(run_->path(), c, o_.keep);
  }

  const TrainOptions& o_;
  RunFolder* run_ = nullptr;
  const Compute compute_;
  TrainingSetup setup_;
  std::unique_ptr<StepRunner> runner_;
  RunState state_;
  CollapseAlarm alarm_;
  DeadLossAlarm dead_alarm_;
  RankAlarm rank_alarm_;
  double last_rank_ = 0;
};

}  // namespace

static int run(const TrainOptions& options, const Compute& compute, const std::string& config,
               const std::string& command) {
  parse_counts(options.recall_at, "--recall-at");
  watch_signals();
  // First: what is wrong with pictures, weights or losses leaves no run folder behind.
  Trainer trainer(options, compute);
  RunFolder run(options.run, config, options.resume == "auto", options.resume_allow_change);
  trainer.use(run);
  const std::string gpu = describe(compute, options.machine);
  if (!options.machine.quiet && !gpu.empty()) std::fprintf(stderr, "gpu: %s\n", gpu.c_str());
  if (!options.machine.quiet)
    for (const auto& note : trainer.setup().notes) std::fprintf(stderr, "%s\n", note.c_str());
  if (options.resume == "auto") trainer.resume();
  if (trainer.finished()) {
    std::fprintf(stderr, "%s is complete\n", options.run.c_str());
  } else {
    write_file_atomic(run.file("run.json"), run_json(config, command, trainer.setup().train->description(), gpu));
    if (const int signal = trainer.train()) return 128 + signal;
  }
  const std::string metrics = run.file("metrics.json");
  if (std::filesystem::exists(metrics)) {
    const auto text = read_file(metrics);
    std::fputs(metrics_table({{options.run, std::string(text.begin(), text.end())}}).c_str(), stdout);
  }
  return 0;
}

int run_training(const TrainOptions& options, const std::string& config, const std::string& command) {
  const Compute compute = apply(options.machine);
  try {
    return run(options, compute, config, command);
  } catch (const Error& e) {
    if (!out_of_gpu_memory(e)) throw;
    const std::string place = fmt::format(" (batch size {}, {} px)", options.batch_size, options.size);
    throw Error(e.kind(), e.op(), e.problem() + place, e.hint());
  }
}

}  // namespace fledge
