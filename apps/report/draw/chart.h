// Plots as SVG: lines over an axis, and bars. Every plot is one <svg class="plot"> that stands in the page as it is;
// svg_file makes a file of its own of it.
#pragma once
#include <string>
#include <vector>

#include "apps/report/run_record.h"

namespace fledge::report {

struct Series {
  std::string name;  // in the legend when it is the first of its colour, and in hover titles
  std::vector<Point> points;
  int color = 0;      // see style.h
  bool thin = false;  // one of several seeds: drawn light, without a legend entry
};

struct Chart {
  std::string title, x_label;
  std::vector<Series> series;
  bool percent = false;              // values are shares
  std::vector<double> x_ticks = {};  // where given, the axis is divided evenly between them (K of Recall@K)
};

/// Line chart; a logarithmic value axis when all values are positive and span more than two powers of ten. Values that
/// are not finite are gaps. Long curves are thinned to at most 400 points, of which the last is one.
std::string line_chart(const Chart& chart);

struct Bar {
  std::string name;
  double value = 0, deviation = 0;  // shares; deviation 0: not drawn
  int color = 0;
};
/// Horizontal bars from 0 to 100 percent with their values.
std::string bar_chart(const std::string& title, const std::vector<Bar>& bars);

/// Round numbers that span [low, high], about `count` of them.
std::vector<double> ticks(double low, double high, int count);
/// A symbol of its own for each series: circle, square, triangle, diamond.
std::string marker(int series, double x, double y, double radius);

/// "<svg class="plot" ...>" of a viewBox from 0; `label` for those who cannot see it.
std::string svg_start(double width, double height, const std::string& label);
/// The plot as a file: with its style sheet inside.
std::string svg_file(const std::string& plot);

}  // namespace fledge::report
