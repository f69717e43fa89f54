// A two-dimensional map of embeddings: a dot a picture, coloured by class.
#pragma once
#include <string>
#include <vector>

#include "apps/report/run_record.h"
#include "train/evaluation/evaluate.h"

namespace fledge::report {

/// The pictures of a map, the same for every run: rows in rising order, and for each the place of its class among the
/// coloured ones, -1 for the grey rest.
struct MapSelection {
  std::vector<std::int64_t> rows;
  std::vector<int> colors;
  std::vector<std::string> class_names;  // of the coloured classes
};
inline constexpr int kMapClasses = 12;
/// At most `most` rows, a seeded choice; of the classes a seeded choice of at most twelve is coloured.
MapSelection choose_map(const Embeddings& embeddings, std::int64_t most, std::uint64_t seed);

/// <svg class="plot">; `points` of the selection's rows, scaled to fill the square (one scale for both axes). A class
/// is told by colour and by shape: discs first, then squares.
std::string map_svg(const std::string& title, const std::string& note, const std::vector<Point>& points,
                    const MapSelection& selection);
/// The legend for all maps of a selection.
std::string map_legend(const MapSelection& selection);

}  // namespace fledge::report
