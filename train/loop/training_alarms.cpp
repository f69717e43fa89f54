#include "train/loop/training_alarms.h"

#include <algorithm>
#include <cstdlib>

#include "nn/losses/loss.h"

namespace fledge {
namespace {

// What the collapse alarm compares with: the margin of a hinge, 0 for losses without one.
double hinge_margin(const RunSpec& o) {
  const auto& declared = loss_registry();
  const auto entry = declared.find(o.loss.loss);
  if (entry == declared.end()) return 0;
  LossOptions options(entry->second.options.begin(), entry->second.options.end());
  for (auto& [option, value] : options)
    if (const auto said = o.loss.options.find(option); said != o.loss.options.end()) value = said->second;
  if (!options.contains("margin") || (options.contains("form") && options["form"] == "soft")) return 0;
  return std::atof(options["margin"].c_str());
}

}  // namespace

TrainingAlarms::TrainingAlarms(const RunSpec& options, std::int64_t embedding, bool taught)
    : batch_(options.data.batch_size),
      embedding_(embedding),
      taught_(taught),
      collapse_({.margin = hinge_margin(options)}) {}

std::vector<std::string> TrainingAlarms::observe(const StepResult& result) {
  std::vector<std::string> messages;
  if (result.rank >= 0) {
    rank_ = result.rank;
    messages.push_back(low_rank_.observe(result.rank, batch_, embedding_));
  }
  for (const auto& numbers : result.own) {
    messages.push_back(collapse_.observe(numbers));
    if (!taught_) messages.push_back(dead_.observe(numbers));
  }
  messages.erase(std::remove(messages.begin(), messages.end(), ""), messages.end());
  return messages;
}

std::map<std::string, std::vector<double>> TrainingAlarms::state() const {
  return {{"collapse", collapse_.state()},
          {"dead_loss", dead_.state()},
          {"low_rank", low_rank_.state()},
          {"rank", {rank_}}};
}

void TrainingAlarms::set_state(const std::map<std::string, std::vector<double>>& state) {
  const auto part = [&](const char* name) -> const std::vector<double>* {
    const auto found = state.find(name);
    return found == state.end() ? nullptr : &found->second;
  };
  if (const auto* p = part("collapse")) collapse_.set_state(*p);
  if (const auto* p = part("dead_loss")) dead_.set_state(*p);
  if (const auto* p = part("low_rank")) low_rank_.set_state(*p);
  if (const auto* p = part("rank"); p && p->size() == 1) rank_ = p->front();
}

}  // namespace fledge
