// The evaluations of a run: which epoch is the best one, and the result.
#include <nlohmann/json.hpp>

#include "io/json_file.h"
#include "nn/metrics/metrics_json.h"
#include "train/evaluation/equal_embeddings.h"
#include "train/evaluation/evaluate.h"
#include "train/loop/trainer.h"

namespace fledge {

using nlohmann::json;

struct Trainer::Evaluation {
  RetrievalMetrics metrics;
  json record;  // the same for files, and what could not be read
};

// The due evaluations of an epoch and the checkpoint that holds their outcome.
void Trainer::end_epoch() {
  if (state_.evaluation_due) ensure_sound();
  const bool best = state_.evaluation_due && evaluate_epoch();
  if (best || o_.policy.save_every == 0 || state_.step % o_.policy.save_every == 0) save();
}

// Whether the epoch is the best one so far. Log and state change once all is measured: an
// evaluation that is stopped leaves no trace.
bool Trainer::evaluate_epoch() {
  double chosen = -1;  // stays so where nothing was measured: no query had a mate
  // Recall at the smallest K asked for.
  const auto measured = [](const Evaluation& e) {
    return e.metrics.queries > 0 ? e.metrics.recall.begin()->second : -1.0;
  };
  std::vector<std::pair<const char*, Evaluation>> measurements;
  if (setup_.validation) {
    const Evaluation& m =
        measurements.emplace_back("validation", measure(*setup_.model, setup_.validation, "validation")).second;
    if (o_.policy.select == Selection::Auto) chosen = measured(m);
  }
  if (setup_.test && (o_.policy.eval_every > 0 || o_.policy.select == Selection::Test) &&
      state_.epoch < o_.optim.epochs + (o_.policy.select == Selection::Test)) {
    const Evaluation& m = measurements.emplace_back("eval", measure(*setup_.model, setup_.test, "eval")).second;
    if (o_.policy.select == Selection::Test) chosen = measured(m);
  }
  for (const auto& [set, m] : measurements)
    tell(&RunObserver::measured, Measured{set, state_.step, state_.epoch, m.record});
  state_.evaluation_due = false;
  if (!chooses() || chosen < 0) return false;
  if (!(chosen > state_.best)) {
    ++state_.since_best;
    return false;
  }
  state_.best = chosen, state_.best_step = state_.step, state_.since_best = 0;
  return true;
}

// The test pictures with the run's result, into the state: metrics.json follows from it.
void Trainer::write_result() {
  json result;
  std::int64_t epoch = state_.epoch;
  const auto folder = state_.best >= 0 ? result_checkpoint(run_->path()) : std::nullopt;
  if (folder) {
    const Checkpoint best = load_checkpoint(*folder);
    EmbeddingModel model(o_.model.network, o_.policy.seed);
    load_state_dict(model, best.model);
    result = measure(model, setup_.test, "eval").record;
    epoch = best.state.epoch;
  } else {
    result = measure(*setup_.model, setup_.test, "eval").record;
  }
  tell(&RunObserver::measured, Measured{"eval", state_.step, state_.epoch, result});
  result["epoch"] = epoch;
  if (setup_.test_overlap > 0) result["test_pictures_trained_on"] = setup_.test_overlap;
  if (skips()) {
    std::vector<std::string> names;
    for (const auto& [name, reason] : state_.skipped) names.push_back(name);
    add_skipped(result, "skipped_training", names);
  }
  result["selected_by"] = !folder ? "last" : o_.policy.select == Selection::Test ? "test" : "validation";
  state_.result = json_text(result) + "\n";
}

// Embeds and measures the pictures.
Trainer::Evaluation Trainer::measure(EmbeddingModel& model, const std::shared_ptr<Dataset>& pictures,
                                     const char* type) {
  EmbedOptions options;
  options.preprocessing = setup_.preprocessing;
  options.workers = o_.data.workers;
  options.compute = compute_;
  options.compute.activations = DType::Float32;  // what is measured is the weights' doing, not rounding's
  const std::string what = std::string(type) == "eval" ? "evaluate" : type;
  options.progress = [&](std::int64_t done, std::int64_t of) { tell(&RunObserver::measuring, what, done, of); };
  options.skip_bad = skips();
  const Embeddings e = embed_dataset(model, pictures, options);
  if (e.skipped.count() > 0 && said_.insert(type).second)
    tell(&RunObserver::said,
         skipped_text(std::string(type) == "eval" ? "test pictures" : "validation pictures", e.skipped), false);
  if (const auto spread = collapsed_spread(e.vectors); spread && said_.insert("collapsed").second)
    tell(&RunObserver::warned, Warning{state_.step + 1, collapsed_text(*spread)});
  RetrievalOptions retrieval;
  retrieval.recall_at = parse_counts(o_.policy.recall_at, "--recall-at");
  retrieval.sample_queries = std::string(type) == "eval" ? o_.policy.test_queries : 0;
  retrieval.sample_seed = o_.policy.seed;
  Evaluation out{evaluate_retrieval(e.vectors, e.labels, e.vectors, e.labels, retrieval), {}};
  out.record = to_json(out.metrics);
  if (skips()) add_skipped(out.record, "skipped", e.skipped.names);
  return out;
}

}  // namespace fledge
