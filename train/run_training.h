// A training run from its description to its metrics: what `fledge train` and `fledge distill` do, for a program of
// one's own too (examples/train_and_distill.cpp).
#pragma once
#include <optional>
#include <string>

#include "nn/metrics/retrieval.h"
#include "train/loop/observer.h"
#include "train/spec/run_spec.h"

namespace fledge {

struct RunOutcome {
  int signal = 0;  // not 0: a stop was asked for (base/interrupt.h); what was done is in a checkpoint
  std::optional<RetrievalMetrics> metrics;  // of metrics.json; nothing where nothing was measured
};

/// Runs, or goes on with, the run in the folder spec.policy.folder: config.toml, run.json, log.jsonl, checkpoints,
/// metrics.json. `config`: what config.toml shall hold where it was not said by `spec` alone (a command line keeps the
/// user's way of writing); `command`: for run.json. Pictures are read and kernels run as spec.data.pictures and
/// spec.machine say, from now on and for the whole process.
/// Errors: Usage, BadInput, Resource, Numeric as the parts throw them, before anything is written where they can be
/// told.
RunOutcome run_training(const RunSpec& spec, RunObserver& observer, std::string config = "",
                        const std::string& command = "");

}  // namespace fledge
