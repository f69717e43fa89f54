// The results as bars, with their spread.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace fledge::bench {

/// An SVG file: a panel for each of `results` (rows of print_row), in it a bar for fledge and for each peer: the best
/// round's median, and a line from the quickest step to the worst round's median. Panels have scales of their own.
std::string picture_of(const nlohmann::ordered_json& results, const nlohmann::ordered_json& machine);

}  // namespace fledge::bench
