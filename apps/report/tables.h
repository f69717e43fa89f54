// The parts of the page that need no pictures.
#pragma once
#include <string>
#include <vector>

#include "apps/report/comparison.h"

namespace fledge::report {

/// <ul> of sentences: the best, and what each student keeps of its teacher and gains over learning alone.
std::string summary_html(const std::vector<Kind>& kinds);
/// For each set of test pictures a table of kinds (mean and standard deviation, where a kind has several runs) and one
/// of runs; the best of each column is marked where there are several.
std::string comparison_html(const std::vector<Kind>& kinds);
std::string differences_html(const std::vector<RunRecord>& runs);
/// A card a run: command, version, machine, pictures, time, size, warnings.
std::string facts_html(const std::vector<RunRecord>& runs);

/// "finished", "unfinished: epoch 3 of 40", "finished, not tested".
std::string state_text(const RunRecord& run);

}  // namespace fledge::report
