#include "apps/report/gallery.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <set>

#include "apps/cli/progress.h"
#include "apps/report/draw/markup.h"
#include "apps/report/grid.h"
#include "apps/report/map.h"
#include "apps/report/projection.h"
#include "base/error.h"
#include "data/subset.h"
#include "train/evaluation/evaluate.h"
#include "train/training_overlap.h"

namespace fledge::report {
namespace {

struct EmbeddedRun {
  std::string name;
  Embeddings embeddings;
};

// Runs on the same pictures.
struct Gallery {
  DatasetSpec spec;
  std::string id;  // for file names and element ids
  std::vector<const Kind*> kinds;
  std::shared_ptr<Dataset> dataset;
  std::vector<EmbeddedRun> runs;
};

std::string text_of(const Error& e) { return e.problem() + (e.hint().empty() ? "" : " (" + e.hint() + ")"); }

std::vector<Gallery> galleries_of(const std::vector<Kind>& kinds, const ReportOptions& o) {
  std::vector<Gallery> all;
  for (const Kind& kind : kinds) {
    const RunRecord& run = *kind.runs[0];
    const bool own = o.data.data.empty();
    const DatasetSpec spec{own ? run.option("test") : o.data.data, own ? run.option("test-classes") : o.data.classes};
    if (spec.source.empty()) continue;
    auto it = std::find_if(all.begin(), all.end(), [&](const Gallery& g) {
      return g.spec.source == spec.source && g.spec.classes == spec.classes;
    });
    if (it == all.end()) it = all.insert(all.end(), {spec, fmt::format("t{}", all.size() + 1), {}, nullptr, {}});
    it->kinds.push_back(&kind);
  }
  return all;
}

void embed_runs(Gallery& gallery, const ReportOptions& o, std::vector<std::string>& notes) {
  Contents contents(gallery.dataset);
  for (const Kind* kind : gallery.kinds)
    for (const RunRecord* run : kind->runs) {
      if (run->weights == 0) {
        notes.push_back("Run " + run->name + " has no sound checkpoint: it is not shown here.");
        continue;
      }
      const LoadedModel loaded = load_model(run->path);
      EmbedOptions options = embed_options(loaded.preprocessing, o.data, o.machine);
      loaded.model->to(options.compute.device);
      loaded.model->keep_folded_weights_alone();
      options.progress = progress_bar("embed with " + run->name, o.machine.quiet);
      if (const std::string trained = overlap_text(training_overlap(run->path, contents, o.data.workers));
          !trained.empty())
        notes.push_back("Run " + run->name + ": " + trained + ". Its figures on these pictures flatter it.");
      gallery.runs.push_back({run->name, embed_dataset(*loaded.model, gallery.dataset, options)});
      break;  // one run speaks for its kind
    }
}

/// Pictures that a run could not read leave the gallery: all runs then show the same ones.
void drop_skipped(Gallery& gallery, std::vector<std::string>& notes) {
  std::set<std::string> names;
  for (const EmbeddedRun& run : gallery.runs)
    names.insert(run.embeddings.skipped.names.begin(), run.embeddings.skipped.names.end());
  if (names.empty()) return;
  Embeddings& first = gallery.runs[0].embeddings;
  for (int pass = 0; pass < 2; ++pass)
    for (std::size_t i = 1; i < gallery.runs.size(); ++i) keep_common_rows(first, gallery.runs[i].embeddings);
  std::vector<std::int64_t> same(static_cast<std::size_t>(gallery.dataset->classes()));
  std::iota(same.begin(), same.end(), 0);
  std::string text = fmt::format("{} of {} pictures of '{}' could not be read and are left out:", names.size(),
                                 gallery.dataset->size(), gallery.spec.source);
  constexpr std::size_t kNamed = 20;
  std::size_t named = 0;
  for (const std::string& name : names)
    if (named++ < kNamed) text += (named == 1 ? " " : ", ") + name;
  notes.push_back(text + (names.size() > kNamed ? ", ..." : "") + ".");
  gallery.dataset = make_subset(gallery.dataset, first.pictures, same, gallery.dataset->class_names());
}

void add_cards(const Gallery& gallery, const ReportOptions& o, Section& section) {
  std::vector<std::unique_ptr<ExactNeighbors>> rows;
  for (const EmbeddedRun& run : gallery.runs) rows.push_back(std::make_unique<ExactNeighbors>(run.embeddings.vectors));
  const std::vector<std::int64_t> queries = choose_queries(*rows[0], gallery.runs[0].embeddings, {o.queries, o.seed});
  for (std::size_t k = 0; k < queries.size(); ++k) {
    QueryGrid grid{fmt::format("{}q{}", gallery.id, k + 1), queries[k], {}};
    for (std::size_t r = 0; r < rows.size(); ++r)
      grid.rows.push_back(
          {gallery.runs[r].name, nearest_to(*rows[r], gallery.runs[r].embeddings, queries[k], o.neighbors)});
    const std::string name = fmt::format("query-{}-{}", gallery.id, k + 1);
    section.add_card(name, grid_svg(grid, *gallery.dataset), !o.plots.empty(), "card scroll");
    if (o.plots.empty()) continue;
    const auto png = encode_png(grid_picture(grid, *gallery.dataset));
    section.plots.push_back({name + ".png", {png.begin(), png.end()}});
  }
}

Matrix rows_of(const Embeddings& e, const std::vector<std::int64_t>& rows) {
  Matrix m{static_cast<std::int64_t>(rows.size()), e.vectors.dim(1), {}};
  const float* values = e.vectors.data<float>();
  for (const std::int64_t row : rows)
    m.values.insert(m.values.end(), values + row * m.columns, values + (row + 1) * m.columns);
  return m;
}

void add_maps(const Gallery& gallery, const ReportOptions& o, Section& section) {
  const MapSelection selection = choose_map(gallery.runs[0].embeddings, o.map_points, o.seed);
  section.html += map_legend(selection);
  for (const MapKind kind : {MapKind::Pca, MapKind::Tsne}) {
    if (o.map != kind && o.map != MapKind::Both) continue;
    section.html += "<div class=\"plots\">\n";
    for (const EmbeddedRun& run : gallery.runs) {
      const Matrix rows = rows_of(run.embeddings, selection.rows);
      std::string note = fmt::format("t-SNE, {} pictures", rows.rows);
      std::vector<Point> points;
      if (kind == MapKind::Pca) {
        const PcaMap map = pca(rows);
        note = fmt::format("PCA, {:.0f} % of the variance", 100 * (map.explained[0] + map.explained[1]));
        points = map.points;
      } else {
        points = tsne(rows, {});
      }
      section.add_card((kind == MapKind::Pca ? "pca-" : "tsne-") + gallery.id + "-" + file_name(run.name),
                       map_svg(run.name, note, points, selection), !o.plots.empty());
    }
    section.html += "</div>\n";
  }
}

}  // namespace

Galleries make_galleries(const std::vector<Kind>& kinds, const ReportOptions& o) {
  Galleries out;
  for (Gallery& gallery : galleries_of(kinds, o)) {
    const std::string classes = gallery.spec.classes.empty() ? "" : ", classes " + gallery.spec.classes;
    const std::string head = "<h3>" + escape(gallery.spec.source + classes) + "</h3>\n";
    try {
      gallery.dataset = open_dataset(gallery.spec);
    } catch (const Error& e) {
      if (!o.data.data.empty() || e.kind() == ErrorKind::Resource) throw;
      out.notes.push_back("The test pictures '" + gallery.spec.source + "' are not here: " + text_of(e) +
                          ". Name them with --data.");
      continue;
    }
    try {
      embed_runs(gallery, o, out.notes);
      if (gallery.runs.empty()) continue;
      drop_skipped(gallery, out.notes);
      Section cards, maps;
      if (o.queries > 0) add_cards(gallery, o, cards);
      if (o.map != MapKind::None) add_maps(gallery, o, maps);
      for (auto [from, to] : {std::pair{&cards, &out.queries}, std::pair{&maps, &out.maps}}) {
        if (!from->html.empty()) to->html += head + from->html;
        to->plots.insert(to->plots.end(), from->plots.begin(), from->plots.end());
      }
    } catch (const Error& e) {
      if (e.kind() != ErrorKind::BadInput) throw;
      out.notes.push_back("The pictures of '" + gallery.spec.source + "' could not be shown: " + text_of(e) + ".");
    }
  }
  return out;
}

}  // namespace fledge::report
