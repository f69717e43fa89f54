// The training loop: one for teachers, students alone and distilled students. What a loss needs is read from its
// declaration.
#pragma once
#include <string>

#include "apps/common/options.h"

namespace fledge {

/// Runs (or goes on with) the run described by `options`; `config` is its resolved text, `command` the command line for
/// run.json. Returns 0, or 128 + signal when stopped after a good checkpoint.
int run_training(const TrainOptions& options, const std::string& config, const std::string& command);

}  // namespace fledge
