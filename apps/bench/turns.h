// Programs that take turns at one case, and what is kept of their answers.
#pragma once
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace fledge::bench {

/// One of them. An answer is an object with median_ms, minimum_ms, cpu_ms, peak_mib and more, or error.
class Entrant {
 public:
  Entrant(std::string name, std::function<nlohmann::ordered_json()> ask)
      : name_(std::move(name)), ask_(std::move(ask)) {}
  const std::string& name() const { return name_; }
  bool failed() const { return best_.contains("error"); }
  /// One answer more; after an error none: it would be the same again.
  void take_turn();
  /// The answer with the best median; minimum_ms and cpu_ms are the least of all, "rounds" has each median. The error
  /// where there was one.
  nlohmann::ordered_json result() const;

 private:
  std::string name_;
  std::function<nlohmann::ordered_json()> ask_;
  nlohmann::ordered_json best_, rounds_ = nlohmann::ordered_json::array();
};

/// In turns, so that a drifting machine harms all alike; every other round backwards, so that nobody always follows the
/// same one. `before` is told whose turn it is.
void run_in_turns(std::vector<Entrant>& entrants, int rounds, const std::function<void(const Entrant&)>& before);

/// Adds to {"fledge": ..., "peers": [...]} who is the fastest peer ("best", a place in peers), and its time and memory
/// over fledge's: "ratio", "memory_ratio"; "cpu_ratio" is the least processor time of any peer over fledge's. Above 1
/// fledge is faster, or needs less. Nothing without two answers.
void add_ratios(nlohmann::ordered_json& result);

}  // namespace fledge::bench
