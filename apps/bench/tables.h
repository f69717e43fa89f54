// What fledge bench prints for people.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "apps/bench/bench.h"

namespace fledge::bench {

/// peers: their versions, empty without.
void print_heading(const BenchOptions& o, const nlohmann::ordered_json& machine, const std::vector<std::string>& peers);
/// result: case, threads, batch, fledge, and with peers a line for each and the ratios (turns.h). On the CPU times are
/// of one picture.
void print_row(const nlohmann::ordered_json& result, bool on_device);
void print_footing(const nlohmann::ordered_json& machine, bool with_peers);
/// Every kernel above 1 % of the step, what the rest takes together, and what lies between the kernels.
void print_kernels(const std::string& case_text, const nlohmann::ordered_json& profile);

}  // namespace fledge::bench
