#include "apps/report/map.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "apps/report/draw/chart.h"
#include "apps/report/draw/markup.h"
#include "apps/report/draw/style.h"
#include "tensor/random.h"

namespace fledge::report {
namespace {

constexpr double kSide = 360, kTitleHeight = 46, kMargin = 12;

// Every point of a class in one path: a stroke of no length with round or square ends is a disc or a square.
std::string dots(const std::string& classes, const std::vector<Point>& places, const std::string& title) {
  std::string d;
  for (const Point& p : places) d += fmt::format("M{:.1f} {:.1f}h.01", p.x, p.y);
  return fmt::format("<path class=\"{}\" d=\"{}\"><title>{}</title></path>\n", classes, d, escape(title));
}

std::string dot_class(int color) {
  return fmt::format("s{} {}", color % kSeriesColors, color < kSeriesColors ? "dot round" : "dot square");
}

}  // namespace

MapSelection choose_map(const Embeddings& e, std::int64_t most, std::uint64_t seed) {
  Generator g = Generator::of({seed, 0x6d6170ull});  // "map"
  const std::set<std::int64_t> labels(e.labels.begin(), e.labels.end());
  std::vector<std::int64_t> classes(labels.begin(), labels.end());
  if (classes.size() > static_cast<std::size_t>(kMapClasses)) {
    g.shuffle(classes);
    classes.resize(static_cast<std::size_t>(kMapClasses));
    std::sort(classes.begin(), classes.end());
  }
  MapSelection selection;
  selection.rows.resize(e.labels.size());
  std::iota(selection.rows.begin(), selection.rows.end(), 0);
  if (static_cast<std::int64_t>(selection.rows.size()) > most) {
    g.shuffle(selection.rows);
    selection.rows.resize(static_cast<std::size_t>(most));
    std::sort(selection.rows.begin(), selection.rows.end());
  }
  selection.class_names.resize(classes.size());
  for (const std::int64_t row : selection.rows) {
    const auto it = std::lower_bound(classes.begin(), classes.end(), e.labels[row]);
    const bool colored = it != classes.end() && *it == e.labels[row];
    selection.colors.push_back(colored ? static_cast<int>(it - classes.begin()) : -1);
  }
  for (std::size_t i = 0; i < e.labels.size(); ++i) {
    const auto it = std::lower_bound(classes.begin(), classes.end(), e.labels[i]);
    if (it != classes.end() && *it == e.labels[i]) selection.class_names[it - classes.begin()] = e.label_names[i];
  }
  return selection;
}

std::string map_svg(const std::string& title, const std::string& note, const std::vector<Point>& points,
                    const MapSelection& selection) {
  double low_x = 0, high_x = 0, low_y = 0, high_y = 0;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const Point& p = points[i];
    low_x = i ? std::min(low_x, p.x) : p.x, high_x = i ? std::max(high_x, p.x) : p.x;
    low_y = i ? std::min(low_y, p.y) : p.y, high_y = i ? std::max(high_y, p.y) : p.y;
  }
  const double reach = std::max({high_x - low_x, high_y - low_y, 1e-12}), scale = (kSide - 2 * kMargin) / reach;
  const auto placed = [&](const Point& p) {
    return Point{kSide / 2 + (p.x - (low_x + high_x) / 2) * scale,
                 kTitleHeight + kSide / 2 - (p.y - (low_y + high_y) / 2) * scale};
  };
  std::vector<std::vector<Point>> of_class(selection.class_names.size() + 1);  // the last: the rest
  for (std::size_t i = 0; i < points.size(); ++i) {
    const int color = selection.colors[i];
    of_class[color < 0 ? selection.class_names.size() : static_cast<std::size_t>(color)].push_back(placed(points[i]));
  }
  std::string out = svg_start(kSide, kTitleHeight + kSide, title);
  out +=
      fmt::format("<text class=\"head\" x=\"4\" y=\"18\">{}</text><text class=\"muted\" x=\"4\" y=\"36\">{}</text>\n",
                  escape(title), escape(note));
  if (!of_class.back().empty()) out += dots("dot round faint", of_class.back(), "other classes");
  for (std::size_t k = 0; k < selection.class_names.size(); ++k)
    if (!of_class[k].empty()) out += dots(dot_class(static_cast<int>(k)), of_class[k], selection.class_names[k]);
  return out + "</svg>\n";
}

std::string map_legend(const MapSelection& selection) {
  std::string out = "<ul class=\"legend\">\n";
  const auto entry = [](const std::string& classes, const std::string& name) {
    return fmt::format(
        "<li><svg class=\"plot\" viewBox=\"0 0 12 12\" aria-hidden=\"true\"><path class=\"{}\" d=\"M6 "
        "6h.01\"/></svg>{}</li>\n",
        classes, escape(name));
  };
  for (std::size_t k = 0; k < selection.class_names.size(); ++k)
    out += entry(dot_class(static_cast<int>(k)), selection.class_names[k]);
  if (std::count(selection.colors.begin(), selection.colors.end(), -1))
    out += entry("dot round faint", "other classes");
  return out + "</ul>\n";
}

}  // namespace fledge::report
