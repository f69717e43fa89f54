// The evaluations of a run: which epoch is the best one, and the result.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "apps/common/evaluate.h"
#include "apps/common/trainer.h"
#include "io/file.h"

namespace fledge {

using nlohmann::json;

// The due evaluations of an epoch, and whether it is the best one so far.
void Trainer::evaluate_epoch() {
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
std::string Trainer::choice_key() const {
  const auto counts = parse_counts(o_.recall_at, "--recall-at");
  return "recall@" + std::to_string(*std::min_element(counts.begin(), counts.end()));
}

// metrics.json: the test pictures with the run's result.
void Trainer::write_result() {
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
json Trainer::measure(const EmbeddingModel& model, const std::shared_ptr<Dataset>& pictures, const char* type) {
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

}  // namespace fledge
