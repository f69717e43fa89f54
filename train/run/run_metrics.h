// What a finished run was measured at: its metrics.json.
#pragma once
#include <optional>
#include <string>

#include "nn/metrics/retrieval.h"

namespace fledge {

/// Of the run in that folder; nothing where it has no metrics.json. Error(BadInput): that is no JSON object.
std::optional<RetrievalMetrics> run_metrics(const std::string& run);

}  // namespace fledge
