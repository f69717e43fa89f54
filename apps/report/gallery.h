// The parts of the page that need the test pictures: cards of queries, and maps.
#pragma once
#include "apps/report/comparison.h"
#include "apps/report/report.h"

namespace fledge::report {

struct Galleries {
  Section queries, maps;
  std::vector<std::string> notes;  // text, not HTML
};

/// Embeds the test pictures with the first run of each kind that has a sound checkpoint, one set of pictures after the
/// other. What cannot be shown (no pictures there, an unreadable one, no checkpoint) becomes a note; a --data that
/// cannot be opened is an error, as of open_dataset.
Galleries make_galleries(const std::vector<Kind>& kinds, const ReportOptions& options);

}  // namespace fledge::report
