#include "train/run/run_metrics.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "io/json_file.h"
#include "nn/metrics/metrics_json.h"

namespace fledge {

std::optional<RetrievalMetrics> run_metrics(const std::string& run) {
  const std::string file = (std::filesystem::path(run) / "metrics.json").string();
  if (!std::filesystem::exists(file)) return std::nullopt;
  return metrics_from_json(read_json_object(file));
}

}  // namespace fledge
