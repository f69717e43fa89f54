#include "apps/report/report.h"

#include <fmt/format.h>

#include "apps/report/curves.h"
#include "apps/report/draw/chart.h"
#include "apps/report/draw/markup.h"
#include "apps/report/draw/style.h"
#include "apps/report/gallery.h"
#include "apps/report/tables.h"

namespace fledge::report {
namespace {

struct Part {
  const char *id, *title;
  std::string html;
};

std::string notes_html(const std::vector<std::string>& notes) {
  std::string out;
  for (const std::string& note : notes) out += "<p class=\"card missing\">" + escape(note) + "</p>\n";
  return out;
}

std::string page(const ReportOptions& o, const std::string& lead, const std::vector<Part>& parts) {
  std::string html =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
  html += "<title>" + escape(o.title) + "</title>\n<style>\n" + page_style() + "</style>\n</head>\n<body>\n<main>\n";
  html += "<header>\n<h1>" + escape(o.title) + "</h1>\n<p class=\"lead\">" + lead + "</p>\n<nav>";
  for (const Part& part : parts) html += fmt::format("<a href=\"#{}\">{}</a>", part.id, part.title);
  html += "</nav>\n</header>\n";
  for (const Part& part : parts)
    html += fmt::format("<section>\n<h2 id=\"{}\">{}</h2>\n", part.id, part.title) + part.html + "</section>\n";
  return html +
         fmt::format("<footer>Written by fledge {}; queries and maps chosen with seed {}.</footer>\n", FLEDGE_VERSION,
                     o.seed) +
         "</main>\n</body>\n</html>\n";
}

std::string lead_of(const std::vector<RunRecord>& runs, const std::vector<Kind>& kinds) {
  std::int64_t tested = 0;
  for (const RunRecord& run : runs) tested += !run.metrics.empty();
  std::string text = fmt::format("{} run{}", runs.size(), runs.size() == 1 ? "" : "s");
  if (kinds.size() < runs.size()) text += fmt::format(" of {} kinds", kinds.size());
  return text + (tested == static_cast<std::int64_t>(runs.size()) ? "" : fmt::format(", {} of them tested", tested));
}

}  // namespace

void Section::add_card(const std::string& name, const std::string& svg, bool file, const std::string& classes) {
  html += "<div class=\"" + classes + "\">" + svg + "</div>\n";
  if (file) plots.push_back({name + ".svg", svg_file(svg)});
}

Report make_report(const ReportOptions& o) {
  const std::vector<RunRecord> runs = read_runs(o.runs);
  const std::vector<Kind> kinds = kinds_of(runs);
  const bool files = !o.plots.empty();
  Report report;
  const Section results = result_plots(kinds, files), training = training_plots(kinds, files);
  const Galleries galleries = o.queries > 0 || o.map != MapKind::None ? make_galleries(kinds, o) : Galleries();
  report.notes = galleries.notes;
  const std::string notes = notes_html(galleries.notes);

  std::vector<Part> parts = {{"summary", "Summary", summary_html(kinds) + results.html},
                             {"comparison", "Results", comparison_html(kinds)},
                             {"training", "Training", training.html}};
  if (o.queries > 0)
    parts.push_back(
        {"retrieval", "Nearest pictures",
         fmt::format("<p class=\"note\">Test pictures chosen by seed: where it can be had, one half that the first "
                     "run gets right and one half that it gets wrong. Beside each, the {} nearest others by "
                     "each run: a check mark where the class is the query's, a cross where it is not. Point at "
                     "a picture for its class.</p>\n",
                     o.neighbors) +
             notes + galleries.queries.html});
  if (o.map != MapKind::None)
    parts.push_back(
        {"maps", "Maps",
         "<p class=\"note\">Embeddings of test pictures in two dimensions. PCA keeps directions and large "
         "distances; t-SNE keeps who is near to whom, and its distances between groups mean nothing.</p>\n" +
             (o.queries > 0 && !galleries.maps.html.empty() ? "" : notes) + galleries.maps.html});
  parts.push_back({"differences", "What differs in the options", differences_html(runs)});
  parts.push_back({"runs", "Runs", facts_html(runs)});
  report.html = page(o, lead_of(runs, kinds), parts);
  for (const Section* s : {&results, &training, &galleries.queries, &galleries.maps})
    report.plots.insert(report.plots.end(), s->plots.begin(), s->plots.end());
  return report;
}

}  // namespace fledge::report
