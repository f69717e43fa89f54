// fledge report: runs beside each other on one HTML page, and its plots as files.
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "apps/common/compute.h"
#include "apps/common/config.h"
#include "apps/common/flag_values.h"
#include "apps/common/output_files.h"
#include "apps/common/signals.h"
#include "apps/report/markup.h"
#include "apps/report/report.h"
#include "apps/verbs/verbs.h"
#include "io/file.h"
#include "io/folder.h"
#include "io/json_file.h"
#include "kernels/api/error.h"

namespace fledge {
namespace {

namespace fs = std::filesystem;

struct ReportVerbOptions {
  report::ReportOptions report;
  std::string map = "both";
  bool json = false;
  MachineOptions machine;
};

// Said now, not after the pictures have been embedded.
void require_writable(const report::ReportOptions& o) {
  const fs::path folder = fs::path(o.output).parent_path();
  if (!folder.empty() && !fs::is_directory(folder))
    throw Error(ErrorKind::Resource, "", "cannot write '" + o.output + "': no folder '" + folder.string() + "'",
                "create it first");
  if (fs::is_directory(o.output))
    throw Error(ErrorKind::Resource, "", "cannot write '" + o.output + "': it is a folder",
                "name a file with --output");
  if (o.plots.empty()) return;
  std::error_code ec;
  fs::create_directories(o.plots, ec);
  if (ec || !fs::is_directory(o.plots))
    throw Error(ErrorKind::Resource, "", "cannot make the folder '" + o.plots + "' for plots: " + ec.message(),
                "name another with --plots");
}

int run_report(ReportVerbOptions& o) {
  apply(o.machine);
  apply(o.report.data.pictures);
  watch_signals();
  report::ReportOptions& r = o.report;
  if (r.runs.empty()) throw Error(ErrorKind::Usage, "", "no runs to report on", "name the folders of one or more runs");
  using report::MapKind;
  r.map = o.map == "none"   ? MapKind::None
          : o.map == "pca"  ? MapKind::Pca
          : o.map == "tsne" ? MapKind::Tsne
                            : MapKind::Both;
  r.machine = o.machine;
  require_writable(r);
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

RunVerb add_report(CLI::App& app) {
  CLI::App* verb =
      app.add_subcommand("report", "Runs beside each other on one HTML page: tables, curves, pictures, maps.");
  verb->footer(
      help_footer("  fledge report runs/teacher runs/alone runs/relative\n"
                  "  fledge report runs/*-0 runs/*-1 runs/*-2 --output seeds.html --plots plots\n"
                  "  fledge report runs/relative --data cars/test --queries 12 --map pca\n"));
  auto o = std::make_shared<ReportVerbOptions>();
  report::ReportOptions& r = o->report;
  add_config_flags(*verb);
  verb->add_option("runs", r.runs, "folders of runs, finished or not; runs named KIND-SEED are taken together")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  verb->add_option("-o,--output", r.output, "the page")->group("Output");
  verb->add_option("--plots", r.plots, "also write each plot as .svg and each card of pictures as .png to this folder")
      ->group("Output");
  verb->add_option("--title", r.title, "title of the page")->group("Output");
  verb->add_flag("--json", o->json, "what was written as one JSON object")->group("Output");
  verb->add_option("--queries", r.queries, "test pictures whose nearest ones are shown; 0: none")
      ->check(CLI::Range(0, 1000))
      ->group("Pictures");
  verb->add_option("--neighbours", r.neighbours, "pictures shown for each")
      ->check(CLI::Range(1, 20))
      ->group("Pictures");
  verb->add_option("--map", o->map, "two-dimensional map of the embeddings: pca, tsne, both or none")
      ->check(CLI::IsMember({"pca", "tsne", "both", "none"}))
      ->group("Pictures");
  verb->add_option("--map-points", r.map_points, "pictures of a map at most, a seeded choice; t-SNE takes their square")
      ->check(CLI::Range(5, 5000))
      ->group("Pictures");
  verb->add_option("--seed", r.seed, "of the choice of pictures")->check(at_least_zero())->group("Pictures");
  bind_eval_data(*verb, r.data);
  verb->get_option("--data")->description("test pictures; empty: those that each run was tested on");
  bind_machine(*verb, o->machine);
  return [verb, o](const std::string&) {
    if (print_config_if_asked(*verb)) return 0;
    return run_report(*o);
  };
}

}  // namespace fledge
