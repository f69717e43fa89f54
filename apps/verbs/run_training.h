// A training run from its options to its metrics: the run's folder around the trainer.
#pragma once
#include <string>

#include "train/spec/options.h"

namespace fledge {

/// Runs (or goes on with) the run described by `options`; `config` is its resolved text, `command` the command line for
/// run.json. Returns 0, or 128 + signal when stopped after a good checkpoint.
int run_training(const RunSpec& options, const std::string& config, const std::string& command);

}  // namespace fledge
