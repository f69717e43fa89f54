// The optimisers by name. A further one is a source with its maker, and a row.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "nn/optim/optimizer.h"

namespace fledge {

using OptimizerMaker = std::unique_ptr<Optimizer>(const std::vector<ParameterGroup>& groups,
                                                  const OptimizerOptions& options);

struct OptimizerEntry {
  std::string name;
  std::vector<std::string> settings;  // that not all of them read: "momentum", "nesterov", "beta1", "beta2"
  bool decoupled_decay = false;       // weight decay shrinks the weights; else it is part of their gradients
  std::function<OptimizerMaker> make;
};

/// In the order of the help.
const std::vector<OptimizerEntry>& optimizer_registry();
/// For optimisers of one's own, before the settings of a run are read. Error(Usage): the name is taken.
void register_optimizer(OptimizerEntry entry);

/// The optimiser options.kind. Errors (Usage): an unknown name, options out of their bounds, what Optimizer() refuses.
std::unique_ptr<Optimizer> make_optimizer(const std::vector<ParameterGroup>& groups, const OptimizerOptions& options);

}  // namespace fledge
