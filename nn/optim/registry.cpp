#include "nn/optim/registry.h"

#include <algorithm>

#include "base/suggest.h"

namespace fledge {

// Each in the source of its name, AdamW in Adam's.
OptimizerMaker make_sgd, make_adam, make_adamw;

namespace {

std::vector<OptimizerEntry>& rows() {
  static std::vector<OptimizerEntry> all = {
      {"sgd", {"momentum", "nesterov"}, false, make_sgd},
      {"adam", {"beta1", "beta2"}, false, make_adam},
      {"adamw", {"beta1", "beta2"}, true, make_adamw},
  };
  return all;
}

const OptimizerEntry* find(const std::string& name) {
  const auto found = std::find_if(rows().begin(), rows().end(), [&](const auto& e) { return e.name == name; });
  return found == rows().end() ? nullptr : &*found;
}

void check_options(const OptimizerOptions& o, const OptimizerEntry& entry) {
  check_optimizer(o.beta1 >= 0 && o.beta1 < 1 && o.beta2 >= 0 && o.beta2 < 1,
                  "beta1 is " + std::to_string(o.beta1) + " and beta2 is " + std::to_string(o.beta2),
                  "both must be in [0, 1)");
  check_optimizer(o.momentum >= 0 && o.momentum < 1, "momentum is " + std::to_string(o.momentum),
                  "it must be in [0, 1)");
  check_optimizer(o.eps >= 0, "eps is " + std::to_string(o.eps), "it must not be negative");
  check_optimizer(o.weight_decay >= 0, "weight decay is " + std::to_string(o.weight_decay), "it must not be negative");
  const bool reads_nesterov = std::count(entry.settings.begin(), entry.settings.end(), "nesterov") > 0;
  check_optimizer(!o.nesterov || (reads_nesterov && o.momentum > 0), "nesterov needs sgd with a momentum",
                  "set a momentum above 0 or leave nesterov out");
}

}  // namespace

const std::vector<OptimizerEntry>& optimizer_registry() { return rows(); }

void register_optimizer(OptimizerEntry entry) {
  check_optimizer(!find(entry.name), "there is an optimiser '" + entry.name + "' already", "choose another name");
  rows().push_back(std::move(entry));
}

std::unique_ptr<Optimizer> make_optimizer(const std::vector<ParameterGroup>& groups, const OptimizerOptions& options) {
  const OptimizerEntry* entry = find(options.kind);
  if (!entry) {
    std::vector<std::string> names;
    for (const OptimizerEntry& e : rows()) names.push_back(e.name);
    throw Error(ErrorKind::Usage, "optimizer", "unknown optimiser '" + options.kind + "'",
                did_you_mean(options.kind, names));
  }
  check_options(options, *entry);
  return entry->make(groups, options);
}

}  // namespace fledge
