#include "apps/bench/picture.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "apps/report/draw/chart.h"
#include "apps/report/draw/markup.h"
#include "apps/report/draw/style.h"

namespace fledge::bench {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kPanelWidth = 400, kNameWidth = 165, kValueWidth = 60, kStep = 20, kHead = 34, kGap = 20;
constexpr int kColumns = 3;

struct BenchBar {
  std::string name;
  double median = 0, low = 0, high = 0;  // ms per picture, or per step
  bool own = false;
};

std::vector<BenchBar> bars_of(const Json& result, double factor) {
  std::vector<BenchBar> bars;
  const auto add = [&](const std::string& name, const Json& answer, bool own) {
    if (!answer.contains("median_ms")) return;
    BenchBar bar{name, factor * answer.value("median_ms", 0.0), factor * answer.value("minimum_ms", 0.0), 0, own};
    bar.high = bar.median;
    for (const Json& ms : answer.value("rounds", Json::array()))
      bar.high = std::max(bar.high, factor * ms.get<double>());
    bars.push_back(bar);
  };
  add("fledge", result["fledge"], true);
  for (const Json& peer : result.value("peers", Json::array()))
    add(peer.value("peer", "") + ", " + peer.value("variant", ""), peer, false);
  return bars;
}

double panel_height(const std::vector<BenchBar>& bars) {
  return kHead + kStep * static_cast<double>(bars.size()) + kGap;
}

std::string draw_bar(const BenchBar& bar, double most, double left, double top) {
  const double from = left + kNameWidth, width = kPanelWidth - kNameWidth - kValueWidth - kGap;
  const auto x = [&](double ms) { return from + width * ms / most; };
  std::string out = fmt::format(
      "<g><title>{0}: {1} ms, {2} to {3}</title><text class=\"{4}\" x=\"{5:.1f}\" y=\"{6:.1f}\">{0}</text>"
      "<rect class=\"{7}\" x=\"{8:.1f}\" y=\"{9:.1f}\" width=\"{10:.1f}\" height=\"13\" rx=\"2\"/>",
      report::escape(bar.name), report::number_text(bar.median), report::number_text(bar.low),
      report::number_text(bar.high), bar.own ? "strong" : "muted", left, top + 11, report::fill_class(bar.own ? 1 : 0),
      from, top, std::max(1.0, x(bar.median) - from));
  out += fmt::format(
      "<path class=\"line whisker\" d=\"M{0:.1f} {2:.1f}V{3:.1f}M{0:.1f} {4:.1f}H{1:.1f}M{1:.1f} "
      "{2:.1f}V{3:.1f}\"/>",
      x(bar.low), x(bar.high), top + 3, top + 10, top + 6.5);
  return out + fmt::format("<text class=\"small\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text></g>\n", x(bar.high) + 6, top + 11,
                           report::number_text(bar.median));
}

std::string draw_panel(const Json& result, const std::vector<BenchBar>& bars, double left, double top) {
  double most = 0;
  for (const BenchBar& bar : bars) most = std::max(most, bar.high);
  std::string out = fmt::format("<text class=\"head\" x=\"{:.1f}\" y=\"{:.1f}\">{}, {} thread(s)</text>\n", left,
                                top + 18, report::escape(result.value("case", "")), result.value("threads", 0));
  for (std::size_t i = 0; i < bars.size() && most > 0; ++i)
    out += draw_bar(bars[i], most, left, top + kHead + kStep * static_cast<double>(i));
  return out;
}

}  // namespace

std::string picture_of(const Json& results, const Json& machine) {
  const bool on_device = machine.value("on_device", false);
  std::string body;
  double top = 40, row_height = 0;
  for (std::size_t i = 0; i < results.size(); ++i) {
    const double batch = results[i].value("batch", 1.0);
    const std::vector<BenchBar> bars = bars_of(results[i], on_device ? 1 : 1 / batch);
    const std::size_t column = i % kColumns;
    if (column == 0) top += row_height, row_height = 0;
    body += draw_panel(results[i], bars, 8 + kPanelWidth * static_cast<double>(column), top);
    row_height = std::max(row_height, panel_height(bars));
  }
  const std::string unit = on_device ? "ms per step" : "ms per picture";
  const std::string title =
      unit + ", shorter is faster; " + machine.value(on_device ? "device" : "processor", std::string());
  const double columns = static_cast<double>(std::min<std::size_t>(results.size(), kColumns));
  return report::svg_file(report::svg_start(8 + kPanelWidth * columns, top + row_height, title) +
                          fmt::format("<text class=\"head\" x=\"8\" y=\"22\">{}</text>\n", report::escape(title)) +
                          body + "</svg>\n");
}

}  // namespace fledge::bench
