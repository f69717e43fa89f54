#include "apps/report/grid.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "apps/report/draw/chart.h"
#include "apps/report/draw/markup.h"
#include "data/views/transforms.h"

namespace fledge::report {
namespace {

// In units of the card; a unit is 1.5 pixels of the embedded picture.
constexpr int kCell = 68, kGap = 10, kLabel = 24, kQuery = 116, kAnswersLeft = kQuery + 34, kTop = 2;
constexpr double kPixels = 1.5;

struct Place {
  double x, y, side;
  double right() const { return x + side; }
  double bottom() const { return y + side; }
};

Place query_place() { return {2, kTop + kLabel, kQuery}; }
Place cell_place(std::size_t row, std::size_t column) {
  return {static_cast<double>(kAnswersLeft) + static_cast<double>(column) * (kCell + kGap),
          static_cast<double>(kTop + kLabel) + static_cast<double>(row) * (kCell + kLabel + 8), kCell};
}

std::size_t longest_row(const QueryGrid& grid) {
  std::size_t most = 1;
  for (const GridRow& row : grid.rows) most = std::max(most, row.nearest.size());
  return most;
}
int card_width(const QueryGrid& grid) { return static_cast<int>(cell_place(0, longest_row(grid)).x) - kGap + 4; }
int card_height(const QueryGrid& grid) {
  const double rows = cell_place(std::max<std::size_t>(grid.rows.size(), 1) - 1, 0).bottom();
  return static_cast<int>(std::max(rows, query_place().bottom() + kLabel)) + 6;
}

// The middle square of a picture, put into the card at a place.
void paste(const Image& picture, const Place& place, Image& card) {
  const int side = static_cast<int>(std::lround(place.side * kPixels));
  const int left = static_cast<int>(std::lround(place.x * kPixels)),
            top = static_cast<int>(std::lround(place.y * kPixels));
  const int cut = std::min(picture.width, picture.height);
  const Image square =
      crop_and_resize(picture, {(picture.width - cut) / 2, (picture.height - cut) / 2, cut, cut}, side, side);
  for (int y = 0; y < side; ++y) std::copy_n(square.row(y), 3 * side, card.row(top + y) + 3 * left);
}

Image all_thumbnails(const QueryGrid& grid, const Dataset& dataset) {
  Image card{static_cast<int>(card_width(grid) * kPixels), static_cast<int>(card_height(grid) * kPixels), {}};
  card.rgb.assign(static_cast<std::size_t>(card.width) * card.height * 3, 255);
  paste(dataset.image(grid.query), query_place(), card);
  for (std::size_t r = 0; r < grid.rows.size(); ++r)
    for (std::size_t c = 0; c < grid.rows[r].nearest.size(); ++c)
      paste(dataset.image(grid.rows[r].nearest[c].row), cell_place(r, c), card);
  return card;
}

std::string class_of(const Dataset& dataset, std::int64_t i) { return dataset.class_names()[dataset.label(i)]; }

// The stroke of a check mark or a cross in a badge of radius 9 about (0, 0).
using Stroke = std::vector<std::array<double, 4>>;
const Stroke& mark(bool right) {
  static const Stroke kCheck = {{-4, 0.3, -1.2, 3.2}, {-1.2, 3.2, 4.2, -3}};
  static const Stroke kCross = {{-3.2, -3.2, 3.2, 3.2}, {-3.2, 3.2, 3.2, -3.2}};
  return right ? kCheck : kCross;
}
Place badge_center(const Place& cell) { return {cell.right() - 6, cell.bottom() - 6, 0}; }

std::string thumbnail_overlay(const Place& cell, bool right, const std::string& title) {
  const Place badge = badge_center(cell);
  std::string d;
  for (const auto& s : mark(right))
    d += fmt::format("M{:.1f} {:.1f}L{:.1f} {:.1f}", badge.x + s[0], badge.y + s[1], badge.x + s[2], badge.y + s[3]);
  return fmt::format(
      "<g><title>{0}</title><rect class=\"frame hit {1}\" x=\"{2}\" y=\"{3}\" width=\"{4}\" height=\"{4}\" rx=\"5\"/>"
      "<circle class=\"{1}fill halo\" cx=\"{5}\" cy=\"{6}\" r=\"9\" stroke-width=\"2\"/>"
      "<path class=\"mark halo\" d=\"{7}\"/></g>\n",
      escape(title), right ? "good" : "bad", cell.x, cell.y, cell.side, badge.x, badge.y, d);
}

std::string clip_paths(const QueryGrid& grid) {
  const auto rect = [](const Place& p) {
    return fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"5\"/>", p.x, p.y, p.side, p.side);
  };
  std::string out = rect(query_place());
  for (std::size_t r = 0; r < grid.rows.size(); ++r)
    for (std::size_t c = 0; c < grid.rows[r].nearest.size(); ++c) out += rect(cell_place(r, c));
  return out;
}

// A line with soft ends, antialiased by its distance to each pixel's middle.
void draw_line(Image& image, const std::array<double, 4>& line, double width, const std::array<int, 3>& color) {
  const auto [x0, y0, x1, y1] = line;
  const double dx = x1 - x0, dy = y1 - y0, length = dx * dx + dy * dy;
  const int left = std::max(0, static_cast<int>(std::min(x0, x1) - width)),
            top = std::max(0, static_cast<int>(std::min(y0, y1) - width));
  const int right = std::min(image.width - 1, static_cast<int>(std::max(x0, x1) + width));
  const int bottom = std::min(image.height - 1, static_cast<int>(std::max(y0, y1) + width));
  for (int y = top; y <= bottom; ++y)
    for (int x = left; x <= right; ++x) {
      const double px = x + 0.5 - x0, py = y + 0.5 - y0;
      const double along = length > 0 ? std::clamp((px * dx + py * dy) / length, 0.0, 1.0) : 0;
      const double distance = std::hypot(px - along * dx, py - along * dy);
      const double cover = std::clamp(width / 2 + 0.5 - distance, 0.0, 1.0);
      for (int k = 0; k < 3; ++k) {
        std::uint8_t& value = image.row(y)[3 * x + k];
        value = static_cast<std::uint8_t>(std::lround(value + cover * (color[k] - value)));
      }
    }
}

void draw_marks(Image& card, const Place& cell, bool right) {
  const std::array<int, 3> color = right ? std::array{0, 132, 95} : std::array{201, 71, 27}, white = {255, 255, 255};
  const double a = cell.x * kPixels, b = cell.y * kPixels, c = cell.right() * kPixels, d = cell.bottom() * kPixels;
  for (const auto& side : {std::array{a, b, c, b}, {c, b, c, d}, {c, d, a, d}, {a, d, a, b}})
    draw_line(card, side, 3 * kPixels, color);
  const Place badge = badge_center(cell);
  const double x = badge.x * kPixels, y = badge.y * kPixels;
  draw_line(card, {x, y, x, y}, 20 * kPixels, white);
  draw_line(card, {x, y, x, y}, 17 * kPixels, color);
  for (const auto& s : mark(right))
    draw_line(card, {x + s[0] * kPixels, y + s[1] * kPixels, x + s[2] * kPixels, y + s[3] * kPixels}, 2 * kPixels,
              white);
}

}  // namespace

std::string grid_svg(const QueryGrid& grid, const Dataset& dataset) {
  const EncodedImage picture = encode_small(all_thumbnails(grid, dataset));
  const std::string name = class_of(dataset, grid.query), file = dataset.name(grid.query);
  const int width = card_width(grid), height = card_height(grid);
  std::string out = svg_start(width, height, "nearest pictures to " + file);
  out.insert(out.find("plot") + 4, " gallery");
  out += fmt::format(
      "<clipPath id=\"cells{0}\">{1}</clipPath><image clip-path=\"url(#cells{0})\" width=\"{2}\" height=\"{3}\" "
      "href=\"{4}\"/>\n",
      grid.id, clip_paths(grid), width, height, data_uri(picture.type, picture.bytes));
  const Place q = query_place();
  out += fmt::format(
      "<text class=\"strong\" x=\"{0}\" y=\"{1}\">Query</text><g><title>{2}: {3}</title><rect class=\"frame hit "
      "axis\" x=\"{0}\" y=\"{4}\" width=\"{5}\" height=\"{5}\" rx=\"5\" stroke-width=\"1\"/></g>\n",
      q.x, q.y - 9, escape(name), escape(file), q.y, q.side);
  out += fmt::format("<text class=\"muted\" x=\"{}\" y=\"{}\">{}</text>\n", q.x, q.bottom() + 18,
                     escape(shortened(name, 19)));
  for (std::size_t r = 0; r < grid.rows.size(); ++r) {
    const GridRow& row = grid.rows[r];
    std::size_t right = 0;
    std::string cells;
    for (std::size_t c = 0; c < row.nearest.size(); ++c) {
      const Neighbor& near = row.nearest[c];
      const bool hit = dataset.label(near.row) == dataset.label(grid.query);
      right += hit;
      cells += thumbnail_overlay(cell_place(r, c), hit,
                                 fmt::format("{}. {}: {}, distance {:.4g}", c + 1, class_of(dataset, near.row),
                                             dataset.name(near.row), std::sqrt(near.square)));
    }
    const Place first = cell_place(r, 0);
    out +=
        fmt::format(
            "<text x=\"{}\" y=\"{}\"><tspan class=\"strong\">{}</tspan><tspan class=\"muted\" dx=\"8\">{} of {} right"
            "</tspan></text>\n",
            first.x, first.y - 9, escape(row.name), right, row.nearest.size()) +
        cells;
  }
  return out + "</svg>\n";
}

Image grid_picture(const QueryGrid& grid, const Dataset& dataset) {
  Image card = all_thumbnails(grid, dataset);
  for (std::size_t r = 0; r < grid.rows.size(); ++r)
    for (std::size_t c = 0; c < grid.rows[r].nearest.size(); ++c)
      draw_marks(card, cell_place(r, c), dataset.label(grid.rows[r].nearest[c].row) == dataset.label(grid.query));
  return card;
}

}  // namespace fledge::report
