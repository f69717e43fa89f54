// What finished runs were measured at, side by side.
#pragma once
#include <string>
#include <vector>

namespace fledge {

/// A row a run on stdout; `spread`: a row for each kind of runs named KIND-SEED, with mean and
/// standard deviation; `as_json`: one object, by run. Returns the exit code. Errors: Usage (a run
/// twice), BadInput (no metrics, or damaged).
int print_stored_metrics(const std::vector<std::string>& runs, bool spread, bool as_json);

}  // namespace fledge
