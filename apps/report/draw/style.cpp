#include "apps/report/draw/style.h"

#include <fmt/format.h>

#include <vector>

namespace fledge::report {
namespace {

struct Color {
  const char *light, *dark;
};
// Blue, vermillion, bluish green, reddish purple, orange, sky blue; grey stands for black. Yellow is left out: it
// cannot be seen on white.
constexpr Color kSeries[kSeriesColors] = {{"#0072b2", "#4aa8e8"}, {"#d55e00", "#f2853a"}, {"#009e73", "#22c08f"},
                                          {"#b8588e", "#e08fbd"}, {"#c98a00", "#f0b429"}, {"#3a9bd1", "#8fd3f7"},
                                          {"#4d4d4d", "#c4c4c4"}};
constexpr Color kInk = {"#1c1f23", "#e6e8eb"}, kMuted = {"#626a73", "#9aa3ad"}, kGrid = {"#e6e8eb", "#2c3138"},
                kFaint = {"#c9ced4", "#4a515a"}, kCard = {"#ffffff", "#1b1f24"}, kGood = {"#00845f", "#22c08f"},
                kBad = {"#c9471b", "#f2853a"};

// Rules with plain colours, not variables: programs other than browsers read the files too.
std::string rules(bool dark) {
  const auto pick = [dark](const Color& c) { return dark ? c.dark : c.light; };
  std::string css;
  for (int i = 0; i < kSeriesColors; ++i)
    css += fmt::format(".plot .s{0}{{stroke:{1}}}.plot .f{0}{{fill:{1}}}\n", i, pick(kSeries[i]));
  css += fmt::format(
      ".plot text{{fill:{}}}.plot .muted{{fill:{}}}.plot .grid{{stroke:{}}}.plot .axis{{stroke:{}}}\n"
      ".plot .faint{{stroke:{}}}.plot .halo{{stroke:{}}}.plot .card{{fill:{}}}.plot .whisker{{stroke:{}}}\n"
      ".plot .good{{stroke:{}}}.plot .goodfill{{fill:{}}}.plot .bad{{stroke:{}}}.plot .badfill{{fill:{}}}\n",
      pick(kInk), pick(kMuted), pick(kGrid), pick(kFaint), pick(kFaint), pick(kCard), pick(kCard), pick(kInk),
      pick(kGood), pick(kGood), pick(kBad), pick(kBad));
  return css;
}

constexpr const char* kFonts =
    "system-ui,-apple-system,\"Segoe UI\",Roboto,\"Helvetica Neue\",\"DejaVu Sans\",sans-serif";

constexpr const char* kPage = R"css(
:root{color-scheme:light dark;--bg:#f6f7f9;--card:#fff;--ink:#1c1f23;--muted:#626a73;--line:#e1e4e8;
--accent:#0067a3;--tint:#eaf3f9}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--bg);color:var(--ink);line-height:1.55;font-size:15px}
main{max-width:1200px;margin:0 auto;padding:40px 24px 72px}
header{margin-bottom:28px}
h1{font-size:30px;line-height:1.2;letter-spacing:-.02em;font-weight:680;margin:0 0 8px;overflow-wrap:anywhere}
h2{font-size:20px;letter-spacing:-.01em;font-weight:650;margin:52px 0 6px;scroll-margin-top:16px}
h3{font-size:15px;font-weight:620;margin:22px 0 8px;overflow-wrap:anywhere}
p{margin:6px 0 14px;max-width:78ch}
.lead,.note{color:var(--muted)}
.note{font-size:13.5px}
a{color:var(--accent);text-decoration:none}
a:hover{text-decoration:underline}
nav{display:flex;flex-wrap:wrap;gap:6px 20px;margin-top:16px;padding-top:14px;border-top:1px solid var(--line);
font-size:14px}
ul.summary{margin:0;padding:0;list-style:none}
ul.summary li{padding:7px 0 7px 18px;border-left:3px solid var(--accent);margin:0 0 8px;overflow-wrap:anywhere}
.card{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:16px 18px;margin:12px 0}
.missing{border-left:3px solid #c98a00}
.plots{display:grid;gap:16px;grid-template-columns:repeat(auto-fill,minmax(min(100%,340px),1fr));margin:14px 0}
.plots .card{margin:0;padding:14px 14px 10px}
.plot{display:block;width:100%;height:auto}
.scroll{overflow-x:auto;-webkit-overflow-scrolling:touch}
.scroll .gallery{min-width:680px}
ul.legend{display:flex;flex-wrap:wrap;gap:4px 18px;list-style:none;margin:8px 0 0;padding:0;font-size:13px}
ul.legend li{display:flex;align-items:center;gap:6px;overflow-wrap:anywhere}
ul.legend svg{width:12px;flex:none}
table{border-collapse:collapse;width:100%;font-size:14px;font-variant-numeric:tabular-nums}
th,td{padding:8px 15px;text-align:right;white-space:nowrap;border-bottom:1px solid var(--line)}
thead th{color:var(--muted);font-weight:560;font-size:13px;vertical-align:bottom}
tbody tr:last-child th,tbody tr:last-child td{border-bottom:0}
th:first-child,td:first-child{text-align:left;position:sticky;left:0;background:var(--card)}
tbody th{font-weight:560}
td.text,th.text{text-align:left}
td.best{font-weight:700;color:var(--accent);background:var(--tint)}
td.best{position:relative}
td.best::after{content:"\2605";font-size:.75em;position:absolute;right:3px}
table.options td{white-space:normal;overflow-wrap:anywhere;min-width:108px}
td .sd{color:var(--muted);font-weight:400;font-size:.92em}
td.none{color:var(--muted)}
tr.unfinished th,tr.unfinished td{color:var(--muted)}
code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:12.5px;
overflow-wrap:anywhere}
.facts{display:grid;gap:16px;grid-template-columns:repeat(auto-fill,minmax(min(100%,340px),1fr))}
.facts .card{margin:0}
.facts h3{margin:0 0 8px}
dl{display:grid;grid-template-columns:auto 1fr;gap:4px 14px;margin:0;font-size:14px}
dt{color:var(--muted)}
dd{margin:0;overflow-wrap:anywhere;font-variant-numeric:tabular-nums}
dd.wide{grid-column:1/-1;background:var(--bg);border-radius:8px;padding:8px 10px;margin-top:2px}
footer{margin-top:56px;padding-top:16px;border-top:1px solid var(--line);color:var(--muted);font-size:13px}
@media (max-width:560px){main{padding:24px 14px 48px}h1{font-size:25px}h2{margin-top:40px}.card{padding:12px 12px}
th,td{padding:7px 13px}}
)css";

constexpr const char* kDark =
    ":root{--bg:#121519;--card:#1b1f24;--ink:#e6e8eb;--muted:#9aa3ad;--line:#2c3138;--accent:#5db3ee;--tint:#17293a}\n";

// Paper is light, and nothing on it can be scrolled.
constexpr const char* kPrint = R"css(
@media print{body{background:#fff;font-size:12px}main{max-width:none;padding:0}nav{display:none}
.card,.plots .card{break-inside:avoid;border-color:#ccc}h2,h3{break-after:avoid}.scroll{overflow:visible}
.scroll .gallery{min-width:0}table{font-size:11px}th,td{padding:4px 11px;white-space:normal}
.plots{grid-template-columns:repeat(auto-fill,minmax(200px,1fr))}
*{-webkit-print-color-adjust:exact;print-color-adjust:exact}}
)css";

}  // namespace

std::string stroke_class(int series) {
  const int repeat = series / kSeriesColors;
  return fmt::format("s{}{}", series % kSeriesColors, repeat ? fmt::format(" dash{}", 1 + (repeat - 1) % 2) : "");
}

std::string fill_class(int series) { return fmt::format("f{}", series % kSeriesColors); }

std::string plot_style() {
  return fmt::format(
             ".plot text{{font-family:{};font-size:12px;font-variant-numeric:tabular-nums}}\n"
             ".plot .head{{font-size:14px;font-weight:600}}.plot .mid{{text-anchor:middle}}.plot "
             ".end{{text-anchor:end}}\n"
             ".plot .strong{{font-weight:650}}.plot .small{{font-size:11px}}\n"
             ".plot .dot{{fill:none;stroke-width:6;opacity:.85}}\n"
             ".plot .line{{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}}\n"
             ".plot .thin{{stroke-width:1;opacity:.4}}.plot .dash1{{stroke-dasharray:6 4}}.plot "
             ".dash2{{stroke-dasharray:2 4}}\n"
             ".plot .round{{stroke-linecap:round}}.plot .square{{stroke-linecap:square}}\n"
             ".plot .frame{{fill:none;stroke-width:3}}.plot .mark{{fill:none;stroke-width:2;stroke-linecap:round;"
             "stroke-linejoin:round}}.plot .hit{{fill:transparent}}\n",
             kFonts) +
         rules(false) + "@media screen and (prefers-color-scheme:dark){\n" + rules(true) + "}\n";
}

std::string page_style() {
  return std::string("body{font-family:") + kFonts + "}" + kPage + plot_style() +
         "@media screen and (prefers-color-scheme:dark){" + kDark + "}\n" + kPrint;
}

}  // namespace fledge::report
