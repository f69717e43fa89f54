#include "apps/report/draw/chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "apps/report/draw/markup.h"
#include "apps/report/draw/style.h"

namespace fledge::report {
namespace {

constexpr double kWidth = 440, kPlotHeight = 190, kLeft = 50, kRight = 16;

struct Scale {
  double low = 0, high = 1, from = 0, to = 1;  // values, pixels
  bool logarithmic = false;
  double operator()(double v) const {
    const double a = logarithmic ? std::log(low) : low, b = logarithmic ? std::log(high) : high;
    return from + ((logarithmic ? std::log(v) : v) - a) / (b - a) * (to - from);
  }
};

std::string point_text(double value, bool percent) { return percent ? percent_text(value) + " %" : number_text(value); }

std::string tick_text(double value, double step, bool percent) {
  if (percent) value *= 100, step *= 100;
  if (value != 0 && (std::abs(value) >= 1e6 || std::abs(value) < 1e-3)) return fmt::format("{:.3g}", value);
  const int decimals = step >= 1 ? 0 : static_cast<int>(std::ceil(-std::log10(step) - 1e-9));
  return fmt::format("{:.{}f}", std::abs(value) < step / 1e6 ? 0.0 : value, std::max(0, decimals));
}

std::vector<double> powers_of_ten(double low, double high) {
  std::vector<double> out;
  for (double t = std::pow(10, std::floor(std::log10(low))); t <= high * 1.0001; t *= 10)
    if (t >= low * 0.9999) out.push_back(t);
  return out;
}

// The value axis: from a round number to a round number around all values.
struct ValueAxis {
  Scale scale;
  std::vector<double> at;
  double step = 1;
};
ValueAxis value_axis(const Chart& chart, double top, double bottom) {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (const Series& s : chart.series)
    for (const Point& p : s.points)
      if (std::isfinite(p.y)) low = std::min(low, p.y), high = std::max(high, p.y);
  if (low > high) low = 0, high = 1;
  ValueAxis axis;
  if (!chart.percent && low > 0 && high / low > 100) {
    axis.at = powers_of_ten(low = std::pow(10, std::floor(std::log10(low))), high);
    axis.scale = {low, high * 1.1, bottom, top, true};
    return axis;
  }
  if (high - low < 1e-9 * std::max(1.0, std::abs(high))) {
    const double half = std::max(std::abs(high) * 0.1, 1e-6);
    low -= half, high += half;
  }
  if (low > 0 && low < 0.35 * high) low = 0;  // nearly there: a true zero reads better
  axis.at = ticks(low, high, 5);
  axis.step = axis.at.size() > 1 ? axis.at[1] - axis.at[0] : 1;
  axis.scale = {std::min(low, axis.at.front()), std::max(high, axis.at.back()), bottom, top, false};
  return axis;
}

std::vector<Point> thinned(const std::vector<Point>& points, std::size_t most) {
  if (points.size() <= most) return points;
  std::vector<Point> out;
  for (std::size_t i = 0; i < most; ++i) out.push_back(points[i * (points.size() - 1) / (most - 1)]);
  return out;
}

std::string polyline(const Series& s, const Scale& x, const Scale& y) {
  std::string d;
  bool open = false;
  for (const Point& p : thinned(s.points, 400)) {
    if (!std::isfinite(p.y) || (y.logarithmic && p.y <= 0)) {
      open = false;
      continue;
    }
    d += fmt::format("{}{:.1f} {:.1f}", open ? "L" : "M", x(p.x), y(p.y));
    open = true;
  }
  return fmt::format("<path class=\"line {}{}\" d=\"{}\"><title>{}</title></path>\n", stroke_class(s.color),
                     s.thin ? " thin" : "", d, escape(s.name));
}

// What the pointer finds: a clear disc with a title over (at most 60 of) the points.
std::string hover_points(const Chart& chart, const Series& s, const Scale& x, const Scale& y) {
  std::string out;
  for (const Point& p : thinned(s.points, 60)) {
    if (!std::isfinite(p.y) || (y.logarithmic && p.y <= 0)) continue;
    const double shown = chart.x_ticks.empty() ? p.x : chart.x_ticks[static_cast<std::size_t>(p.x)];
    out += fmt::format(
        "<circle class=\"hit\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"5\"><title>{}, {} {}: {}</title></circle>\n", x(p.x),
        y(p.y), escape(s.name), escape(chart.x_label), number_text(shown), point_text(p.y, chart.percent));
  }
  return out;
}

// Entries side by side, broken into rows; the width of a name is estimated. Returns the height it takes.
double legend(const Chart& chart, double top, std::string& out) {
  double x = kLeft, y = top;
  for (const Series& s : chart.series) {
    if (s.thin) continue;
    const double width = 30 + 6.9 * static_cast<double>(s.name.size()) + 14;
    if (x > kLeft && x + width > kWidth) x = kLeft, y += 18;
    out += fmt::format(
        "<line class=\"line {}\" x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"/>{}<text x=\"{}\" y=\"{}\">{}</text>\n",
        stroke_class(s.color), x, y, x + 22, y, marker(s.color, x + 11, y, 3.5), x + 29, y + 4, escape(s.name));
    x += width;
  }
  return y + 18 - top;
}

std::string axes(const Chart& chart, const ValueAxis& axis, const Scale& x, double bottom) {
  std::string out;
  for (const double v : axis.at) {
    const double y = axis.scale(v);
    out += fmt::format(
        "<line class=\"grid\" x1=\"{}\" y1=\"{:.1f}\" x2=\"{}\" y2=\"{:.1f}\"/><text class=\"muted end\" x=\"{}\" "
        "y=\"{:.1f}\">{}</text>\n",
        kLeft, y, kWidth - kRight, y, kLeft - 8, y + 4,
        axis.scale.logarithmic ? number_text(v) : tick_text(v, axis.step, chart.percent));
  }
  out += fmt::format("<line class=\"axis\" x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"/>\n", kLeft, bottom, kWidth - kRight,
                     bottom);
  const bool given = !chart.x_ticks.empty();
  const std::vector<double> at = given ? chart.x_ticks : ticks(x.low, x.high, 6);
  for (std::size_t i = 0; i < at.size(); ++i) {
    const double v = given ? static_cast<double>(i) : at[i];
    if (v < x.low - 1e-9 || v > x.high + 1e-9 || at[i] != std::floor(at[i])) continue;
    out += fmt::format("<text class=\"muted mid\" x=\"{:.1f}\" y=\"{}\">{}</text>\n", x(v), bottom + 18,
                       number_text(at[i]));
  }
  return out + fmt::format("<text class=\"muted mid\" x=\"{}\" y=\"{}\">{}</text>\n", (kLeft + kWidth - kRight) / 2,
                           bottom + 36, escape(chart.x_label));
}

// Points at the given ticks stand at 0, 1, 2, ...
Chart evenly_placed(const Chart& chart) {
  Chart out = chart;
  for (Series& s : out.series)
    for (Point& p : s.points)
      p.x = static_cast<double>(std::lower_bound(chart.x_ticks.begin(), chart.x_ticks.end(), p.x) -
                                chart.x_ticks.begin());
  return out;
}

}  // namespace

std::string svg_start(double width, double height, const std::string& label) {
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"plot\" viewBox=\"0 0 {:.0f} {:.0f}\" role=\"img\" "
      "aria-label=\"{}\">\n",
      width, height, escape(label));
}

std::vector<double> ticks(double low, double high, int count) {
  if (!(high > low)) return {low};
  const double rough = (high - low) / std::max(1, count - 1), power = std::pow(10, std::floor(std::log10(rough)));
  double step = 10 * power;
  for (const double f : {1.0, 2.0, 5.0})
    if (f * power >= rough * 0.999) {
      step = f * power;
      break;
    }
  std::vector<double> out;
  for (std::int64_t i = std::llround(std::floor(low / step + 1e-9));
       static_cast<double>(i) * step < high + step * 0.999; ++i)
    out.push_back(static_cast<double>(i) * step);
  return out;
}

std::string marker(int series, double x, double y, double r) {
  const std::string fill = fill_class(series);
  switch (series % 4) {
    case 0:
      return fmt::format("<circle class=\"{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{}\"/>", fill, x, y, r);
    case 1:
      return fmt::format("<rect class=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{}\" height=\"{}\"/>", fill, x - r * 0.9,
                         y - r * 0.9, r * 1.8, r * 1.8);
    case 2:
      return fmt::format("<path class=\"{}\" d=\"M{:.1f} {:.1f}l{} {}h{}z\"/>", fill, x, y - r * 1.2, r * 1.2, r * 2.1,
                         -r * 2.4);
    default:
      return fmt::format("<path class=\"{0}\" d=\"M{1:.1f} {2:.1f}l{3} {3}l-{3} {3}l-{3} -{3}z\"/>", fill, x,
                         y - r * 1.3, r * 1.3);
  }
}

std::string line_chart(const Chart& given) {
  const bool even = !given.x_ticks.empty();
  const Chart chart = even ? evenly_placed(given) : given;
  std::string body = fmt::format("<text class=\"head\" x=\"8\" y=\"18\">{}</text>\n", escape(chart.title));
  const double top = 40 + legend(chart, 40, body), bottom = top + kPlotHeight;
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (const Series& s : chart.series)
    for (const Point& p : s.points) low = std::min(low, p.x), high = std::max(high, p.x);
  if (low > high) low = 0, high = 1;
  if (low == high) low -= 1, high += 1;
  const Scale x{low, high, kLeft + 10, kWidth - kRight - 10, false};
  const ValueAxis axis = value_axis(chart, top, bottom);
  body += axes(chart, axis, x, bottom);
  for (const Series& s : chart.series) body += polyline(s, x, axis.scale);
  for (const Series& s : chart.series) {
    // Few points are all marked, many only at the end.
    const std::size_t first = s.points.size() <= 8 ? 0 : s.points.size() - 1;
    for (std::size_t i = first; !s.thin && i < s.points.size(); ++i)
      if (std::isfinite(s.points[i].y) && (!axis.scale.logarithmic || s.points[i].y > 0))
        body += marker(s.color, x(s.points[i].x), axis.scale(s.points[i].y), 3.5) + "\n";
  }
  for (const Series& s : chart.series) body += hover_points(chart, s, x, axis.scale);
  return svg_start(kWidth, bottom + 46, chart.title) + body + "</svg>\n";
}

std::string bar_chart(const std::string& title, const std::vector<Bar>& bars) {
  constexpr double kTop = 34;
  const double step = std::clamp(250 / static_cast<double>(std::max<std::size_t>(bars.size(), 1)), 42.0, 70.0);
  std::string body = fmt::format("<text class=\"head\" x=\"8\" y=\"18\">{}</text>\n", escape(title));
  const bool spreads = std::any_of(bars.begin(), bars.end(), [](const Bar& b) { return b.deviation > 0; });
  const Scale x{0, 1, 8, kWidth - (spreads ? 116 : 76), false};  // room for the values behind the longest bar
  for (std::size_t i = 0; i < bars.size(); ++i) {
    const Bar& bar = bars[i];
    const double y = kTop + step * static_cast<double>(i), end = x(std::clamp(bar.value, 0.0, 1.0));
    const std::string spread = bar.deviation > 0 ? " ± " + percent_text(bar.deviation) : "";
    body += fmt::format(
        "<g><title>{0}: {1}{2} %</title><text x=\"8\" y=\"{3}\">{0}</text>"
        "<rect class=\"{4}\" x=\"8\" y=\"{5}\" width=\"{6:.1f}\" height=\"14\" rx=\"3\"/>",
        escape(bar.name), percent_text(bar.value), spread, y + 13, fill_class(bar.color), y + 21,
        std::max(1.0, end - 8));
    double text_at = end + 7;
    if (bar.deviation > 0) {
      const double a = x(std::max(0.0, bar.value - bar.deviation)), b = x(std::min(1.0, bar.value + bar.deviation));
      body += fmt::format("<path class=\"line whisker\" d=\"M{0:.1f} {2}V{3}M{0:.1f} {4}H{1:.1f}M{1:.1f} {2}V{3}\"/>",
                          a, b, y + 24, y + 32, y + 28);
      text_at = b + 7;
    }
    body += fmt::format("<text class=\"strong\" x=\"{:.1f}\" y=\"{}\">{}{}</text></g>\n", text_at, y + 32,
                        percent_text(bar.value), spread);
  }
  return svg_start(kWidth, kTop + step * static_cast<double>(bars.size()) + 4, title) + body + "</svg>\n";
}

std::string svg_file(const std::string& plot) {
  const std::size_t end = plot.find('>') + 1;
  return plot.substr(0, end) + "\n<style>" + plot_style() + "</style>" + plot.substr(end);
}

}  // namespace fledge::report
