// Colours and the style sheets of the page and of SVG files.
#pragma once
#include <string>

namespace fledge::report {

/// Colours of series, those of Okabe and Ito (2008) that can be seen on white and on black. Series beyond them repeat
/// the colours with dashes; markers tell them apart without any colour.
inline constexpr int kSeriesColors = 7;

/// Classes of a series: "s0" (stroke), "f0" (fill), with " dash1" and so on for what lies beyond the colours.
std::string stroke_class(int series);
std::string fill_class(int series);

/// Rules that every plot needs, in the page or as a file of its own; light, and dark where the reader prefers it.
std::string plot_style();
std::string page_style();

}  // namespace fledge::report
