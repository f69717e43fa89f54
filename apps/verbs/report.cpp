// fledge report: runs beside each other on one HTML page, and its plots as files.
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "apps/cli/output_files.h"
#include "apps/report/draw/markup.h"
#include "apps/report/report.h"
#include "apps/verbs/verbs.h"
#include "base/error.h"
#include "io/file.h"
#include "io/folder.h"
#include "io/json_file.h"
#include "train/compute.h"
#include "train/spec/words.h"

namespace fledge {

namespace report {

constexpr Word<MapKind> kMapWords[] = {
    {"pca", MapKind::Pca}, {"tsne", MapKind::Tsne}, {"both", MapKind::Both}, {"none", MapKind::None}};
constexpr const auto& words_of(MapKind) { return kMapWords; }

}  // namespace report

namespace {

namespace fs = std::filesystem;

struct ReportVerbOptions {
  report::ReportOptions report;
  bool json = false;
};

// Said now, not after the pictures have been embedded.
void make_folder(const std::string& plots) {
  std::error_code ec;
  fs::create_directories(plots, ec);
  if (ec || !fs::is_directory(plots))
    throw Error(ErrorKind::Resource, "", "cannot make the folder '" + plots + "' for plots: " + ec.message(),
                "name another with --plots");
}

int run_report(const ReportVerbOptions& o) {
  const report::ReportOptions& r = o.report;
  apply(r.machine);
  apply(r.data.pictures);
  if (r.runs.empty()) throw Error(ErrorKind::Usage, "", "no runs to report on", "name the folders of one or more runs");
  require_writable(r.output, "name a file with --output");
  if (!r.plots.empty()) make_folder(r.plots);
  refuse_other_file_as_output(r.output, "<!DOCTYPE html>", "page of fledge report");
  const report::Report made = report::make_report(r);
  if (!r.machine.quiet)
    for (const std::string& note : made.notes) std::fprintf(stderr, "note: %s\n", note.c_str());
  remove_dead_temporaries(r.output);
  for (const report::PlotFile& plot : made.plots) remove_dead_temporaries((fs::path(r.plots) / plot.name).string());
  write_file_atomic(r.output, made.html);
  for (const report::PlotFile& plot : made.plots)
    write_file_atomic((fs::path(r.plots) / plot.name).string(), plot.bytes);
  if (o.json) {
    nlohmann::ordered_json j = {
        {"output", r.output}, {"bytes", made.html.size()}, {"runs", r.runs}, {"notes", made.notes}};
    j["plots"] = nlohmann::ordered_json::array();
    for (const report::PlotFile& plot : made.plots) j["plots"].push_back((fs::path(r.plots) / plot.name).string());
    std::printf("%s\n", json_text(std::move(j)).c_str());
    return 0;
  }
  std::printf("%s\t%s\n", r.output.c_str(), report::bytes_text(static_cast<std::int64_t>(made.html.size())).c_str());
  if (!made.plots.empty()) std::printf("%s\t%zu plots\n", r.plots.c_str(), made.plots.size());
  return 0;
}

}  // namespace

Verb report_verb() {
  Verb verb("report", "Runs beside each other on one HTML page: tables, curves, pictures, maps.",
            "  fledge report runs/teacher runs/alone runs/relative\n"
            "  fledge report runs/*-0 runs/*-1 runs/*-2 --output seeds.html --plots plots\n"
            "  fledge report runs/relative --data cars/test --queries 12 --map pca\n",
            true);
  Fields& f = verb.fields;
  auto o = std::make_shared<ReportVerbOptions>();
  report::ReportOptions& r = o->report;
  f.add_positional("runs", r.runs, "folders of runs, finished or not; runs named KIND-SEED are taken together")
      .repeatable = true;
  f.group("Output");
  f.add("output", r.output, "the page").with_letter('o');
  f.add("plots", r.plots, "also write each plot as .svg and each card of pictures as .png to this folder");
  f.add("title", r.title, "title of the page");
  f.add_switch("json", o->json, "what was written as one JSON object");
  f.group("Pictures");
  f.add("queries", r.queries, "test pictures whose nearest ones are shown; 0: none").between(0, 1000);
  f.add("neighbours", r.neighbors, "pictures shown for each").between(1, 20);
  add_choice(f, "map", r.map, "two-dimensional map of the embeddings: pca, tsne, both or none");
  f.add("map-points", r.map_points, "pictures of a map at most, a seeded choice; t-SNE takes their square")
      .between(5, 5000);
  f.add("seed", r.seed, "of the choice of pictures").at_least_zero();
  bind_eval_data(f, r.data);
  f.find("data")->help = "test pictures; empty: those that each run was tested on";
  bind_machine(f, r.machine);
  verb.run = [o](const Verb&, const std::string&) { return run_report(*o); };
  return verb;
}

}  // namespace fledge
