// Other programs that can do the same work: Python packages, run by the scripts of bench/peers.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "apps/bench/bench.h"
#include "apps/bench/cases.h"

namespace fledge::bench {

/// A package in one of its settings: "default" as it is after its import, "tuned" as its users set it for speed.
struct Program {
  std::string peer, variant;
  std::string name() const { return peer + ", " + variant; }
};

class Peers {
 public:
  /// Asks for each of o.against ("all": every one of the device) whether it is there. Errors (Usage): no such peer or
  /// variant. (Resource): the scripts are not where they are looked for.
  Peers(const BenchOptions& o, bool on_device);

  /// Of those that are there, what can run the case.
  std::vector<Program> programs_for(const BenchCase& c) const;
  /// A line for each that is not there: what is missing, and how to install it.
  const std::vector<std::string>& missing() const { return missing_; }
  /// "PyTorch 2.15.0", ...
  const std::vector<std::string>& versions() const { return versions_; }

  /// Writes what the peers read besides the case's own files (an ONNX file, ...). "" or an error.
  std::string prepare(const BenchCase& c, const std::string& folder) const;
  /// median_ms, minimum_ms, cpu_ms of a step, steps, peak_mib, reserved_mib, difference (from fledge's results: checked
  /// before anything is timed); or error.
  nlohmann::ordered_json run(const Program& program, const BenchCase& c, int threads, const std::string& folder) const;

 private:
  nlohmann::ordered_json call(const std::vector<std::string>& arguments, int threads, bool tuned) const;
  void look_for(const std::string& peer);

  const BenchOptions& o_;
  const bool on_device_;
  const std::string python_, script_;
  std::vector<std::string> variants_, there_, versions_, missing_;
};

/// The last line of a program's output that is a JSON object; null where there is none.
nlohmann::ordered_json last_object(const std::string& output);
/// "a,b" -> {"a", "b"}; empty parts are left out.
std::vector<std::string> comma_separated(const std::string& text);
/// Of the monotonic clock, which Python's time.monotonic_ns() reads too.
std::int64_t monotonic_ns();

}  // namespace fledge::bench
