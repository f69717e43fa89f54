// One query's card: its picture, and the nearest pictures of every run, right ones and wrong ones marked.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "apps/report/neighbours.h"
#include "data/dataset.h"

namespace fledge::report {

struct GridRow {
  std::string name;  // the run's
  std::vector<Neighbor> nearest;
};
struct QueryGrid {
  std::string id;  // tells the cards of a page apart: letters and digits
  std::int64_t query = 0;
  std::vector<GridRow> rows;
};

/// The card as <svg class="plot gallery">: one embedded picture for all thumbnails; over it, for each, a frame and a
/// badge: a check mark in green where the class is the query's, a cross in red where it is not, with class, file and
/// distance as hover title. Only the pictures that are shown are decoded. Errors as of Dataset::image.
std::string grid_svg(const QueryGrid& grid, const Dataset& dataset);
/// The same without text as one picture: the query at the left, a row a run.
Image grid_picture(const QueryGrid& grid, const Dataset& dataset);

}  // namespace fledge::report
