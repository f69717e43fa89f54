// The same cases in PyTorch: bench/torch_peer.py, which is part of this binary, run by a Python that has torch.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "apps/bench/bench.h"

namespace fledge::bench {

class TorchPeer {
 public:
  TorchPeer(const BenchOptions& o, bool on_device, int threads);

  /// "PyTorch 2.15.0, CUDA 13.0"; empty: it cannot be used, and missing() says why.
  const std::string& version() const { return version_; }
  const std::string& missing() const { return missing_; }
  /// How it runs: "nchw", "nhwc" on the CPU, "eager", "compile", ... on a GPU.
  const std::vector<std::string>& forms() const { return forms_; }
  /// median_ms, minimum_ms of a step, steps, peak_mib, reserved_mib; or error.
  nlohmann::ordered_json run(const std::string& case_text, const std::string& form) const;

 private:
  nlohmann::ordered_json call(const std::vector<std::string>& arguments) const;

  const BenchOptions& o_;
  const bool on_device_;
  const int threads_;
  std::vector<std::string> forms_;
  std::string version_, missing_;
};

/// The last line of a program's output that is a JSON object; null where there is none.
nlohmann::ordered_json last_object(const std::string& output);

/// The text of bench/torch_peer.py.
extern const char* const kTorchPeerScript;

}  // namespace fledge::bench
