#include "apps/bench/turns.h"

#include <algorithm>

namespace fledge::bench {
namespace {

using Json = nlohmann::ordered_json;

void keep_least(Json& to, const Json& from, const char* key) {
  if (from.contains(key) && to.contains(key)) to[key] = std::min(to[key].get<double>(), from[key].get<double>());
}

}  // namespace

void Entrant::take_turn() {
  if (failed()) return;
  Json answer = ask_();
  if (answer.contains("error")) {
    best_ = std::move(answer);
    return;
  }
  rounds_.push_back(answer.value("median_ms", 0.0));
  if (best_.is_null()) {
    best_ = std::move(answer);
    return;
  }
  const bool better = answer.value("median_ms", 0.0) < best_.value("median_ms", 0.0);
  if (better) std::swap(best_, answer);
  keep_least(best_, answer, "minimum_ms");
  keep_least(best_, answer, "cpu_ms");
}

Json Entrant::result() const {
  Json j = best_;
  if (!failed()) j["rounds"] = rounds_;
  return j;
}

void run_in_turns(std::vector<Entrant>& entrants, int rounds, const std::function<void(const Entrant&)>& before) {
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < entrants.size(); ++i) {
      Entrant& entrant = entrants[round % 2 ? entrants.size() - 1 - i : i];
      if (entrant.failed()) continue;
      before(entrant);
      entrant.take_turn();
    }
  }
}

void add_ratios(Json& result) {
  const Json own = result["fledge"], peers = result.value("peers", Json::array());
  int best = -1;
  double least_cpu = 0;
  for (std::size_t i = 0; i < peers.size(); ++i) {
    if (!peers[i].contains("median_ms")) continue;
    if (best < 0 || peers[i]["median_ms"] < peers[static_cast<std::size_t>(best)]["median_ms"])
      best = static_cast<int>(i);
    const double cpu = peers[i].value("cpu_ms", 0.0);
    if (cpu > 0 && (least_cpu == 0 || cpu < least_cpu)) least_cpu = cpu;
  }
  if (best < 0 || !own.contains("median_ms")) return;
  result["best"] = best;
  const Json& fastest = peers[static_cast<std::size_t>(best)];
  const auto ratio = [&](const char* name, double peer, const char* key) {
    if (peer > 0 && own.value(key, 0.0) > 0) result[name] = peer / own.value(key, 0.0);
  };
  ratio("ratio", fastest.value("median_ms", 0.0), "median_ms");
  ratio("cpu_ratio", least_cpu, "cpu_ms");
  ratio("memory_ratio", fastest.value("peak_mib", 0.0), "peak_mib");
}

}  // namespace fledge::bench
