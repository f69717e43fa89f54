// Retrieval metrics as they stand in files.
#pragma once
#include <nlohmann/json_fwd.hpp>

#include "nn/metrics/retrieval.h"

namespace fledge {

/// {"recall@1": 0.47, ..., "map@r": ..., "recall@1_ci": [0.45, 0.49], "ci_level": 0.95, ..., "queries": ...}: what the
/// table of metrics knows, and the counts; no classes. Where no query counts, means over queries are null and "note"
/// says so. NaN becomes null.
nlohmann::json to_json(const RetrievalMetrics& m);

/// What to_json() wrote, or an earlier fledge; keys that no metric has are passed over. Of an object; what is missing
/// stays away, what is no number, or a mean over no queries, is NaN.
RetrievalMetrics metrics_from_json(const nlohmann::json& j);

}  // namespace fledge
