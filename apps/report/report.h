// fledge report: runs beside each other on one page that needs nothing else.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "apps/report/run_record.h"
#include "train/spec/options.h"

namespace fledge::report {

enum class MapKind { None, Pca, Tsne, Both };

struct ReportOptions {
  std::vector<std::string> runs;
  std::string title = "fledge report", output = "report.html", plots;  // plots: folder, "" none
  std::int64_t queries = 6, neighbors = 10, map_points = 1000;
  MapKind map = MapKind::Both;
  std::uint64_t seed = 0;
  EvalDataOptions data;  // data.data empty: what each run was tested on
  MachineSpec machine;
};

/// A plot as a file: NAME.svg, and for a query's card NAME.png beside it.
struct PlotFile {
  std::string name, bytes;
};

struct Report {
  std::string html;
  std::vector<PlotFile> plots;     // only when ReportOptions::plots asks for them
  std::vector<std::string> notes;  // what could not be shown and why
};

/// Reads the runs, embeds their test pictures (one run of each kind) when cards or maps are wanted, and makes the page.
/// Pictures that are not where the run found them become a note; --data that cannot be read is an error. Errors as of
/// read_runs and open_dataset.
Report make_report(const ReportOptions& options);

/// What a section adds to the page.
struct Section {
  std::string html;
  std::vector<PlotFile> plots;

  /// A card with a plot, and where `file`, the plot as NAME.svg.
  void add_card(const std::string& name, const std::string& svg, bool file, const std::string& classes = "card");
};

}  // namespace fledge::report
