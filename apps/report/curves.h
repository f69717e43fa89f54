// The section of curves: recall over K, and every quantity of the log over epochs.
#pragma once
#include "apps/report/comparison.h"
#include "apps/report/report.h"

namespace fledge::report {

/// Bars of R@1, Recall@K over K, and R@1 over the number of weights: a plot each for every set of test pictures.
Section result_plots(const std::vector<Kind>& kinds, bool files);
/// One chart a quantity: the loss, its terms and what they report, by epoch; R@1 and MAP@R on test and validation
/// pictures where they were measured while training. The seeds of a kind are drawn light, their mean strong.
Section training_plots(const std::vector<Kind>& kinds, bool files);

}  // namespace fledge::report
