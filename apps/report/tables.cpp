#include "apps/report/tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "apps/report/draw/markup.h"

namespace fledge::report {
namespace {

std::vector<Kind> kinds_on(const std::vector<Kind>& kinds, const std::string& test_set) {
  std::vector<Kind> out;
  std::copy_if(kinds.begin(), kinds.end(), std::back_inserter(out),
               [&](const Kind& k) { return k.test_set == test_set; });
  return out;
}

std::vector<Kind> each_run_alone(const std::vector<Kind>& kinds) {
  std::vector<Kind> out;
  for (const Kind& k : kinds)
    for (const RunRecord* run : k.runs) out.push_back({run->name, k.test_set, {run}, k.color});
  return out;
}

std::string value_text(const Column& column, double value) {
  return column.share ? percent_text(value) : number_text(value);
}

std::string interval_text(const Kind& row, const std::string& key) {
  if (row.runs.size() != 1) return "";
  const auto it = row.runs[0]->intervals.find(key);
  if (it == row.runs[0]->intervals.end()) return "";
  return fmt::format(" <span class=\"sd\">[{}, {}]</span>", percent_text(it->second.first),
                     percent_text(it->second.second));
}

std::string cell(const Kind& row, const Column& column, double best, bool mark) {
  const Spread s = spread_of(row, column.key);
  if (s.count == 0) return "<td class=\"none\">–</td>";
  const std::string text = value_text(column, s.mean);
  const bool varies = s.count > 1 && (column.share || s.deviation > 0);
  const std::string spread =
      varies ? " <span class=\"sd\">± " + value_text(column, s.deviation) + "</span>" : interval_text(row, column.key);
  // Equal as shown is equal: a star for one of two 92.86 would say more than the table does.
  const bool is_best = mark && column.ranked && text == value_text(column, best);
  return fmt::format("<td{}>{}{}</td>", is_best ? " class=\"best\"" : "", text, spread);
}

std::string metrics_table_html(const std::vector<Kind>& rows, const std::vector<Column>& columns, bool seeds) {
  std::vector<double> best(columns.size(), -1);
  int tested = 0;
  for (const Kind& row : rows) {
    bool any = false;
    for (std::size_t c = 0; c < columns.size(); ++c)
      if (const Spread s = spread_of(row, columns[c].key); s.count) best[c] = std::max(best[c], s.mean), any = true;
    tested += any;
  }
  std::string out = "<div class=\"card scroll\"><table>\n<thead><tr><th scope=\"col\">";
  out += seeds ? "kind</th><th scope=\"col\">seeds</th>" : "run</th>";
  for (const Column& c : columns) out += fmt::format("<th scope=\"col\">{}</th>", escape(c.label));
  out += "</tr></thead>\n<tbody>\n";
  for (const Kind& row : rows) {
    const bool finished =
        std::any_of(row.runs.begin(), row.runs.end(), [](const RunRecord* r) { return !r->metrics.empty(); });
    out += fmt::format("<tr{}><th scope=\"row\">{}</th>", finished ? "" : " class=\"unfinished\"", escape(row.name));
    if (seeds) out += fmt::format("<td>{}</td>", row.runs.size());
    if (!finished)
      out += fmt::format("<td class=\"text\" colspan=\"{}\">{}</td>", std::max<std::size_t>(columns.size(), 1),
                         escape(state_text(*row.runs[0])));
    else
      for (std::size_t c = 0; c < columns.size(); ++c) out += cell(row, columns[c], best[c], tested > 1);
    out += "</tr>\n";
  }
  return out + "</tbody></table></div>\n";
}

const char* kRecall1 = "recall@1";

std::string size_text(const RunRecord& run) {
  return run.weights ? fmt::format("{:.2f} M weights", static_cast<double>(run.weights) / 1e6) : "";
}

std::string student_sentence(const Kind& kind, const std::vector<Kind>& kinds) {
  const Kind* teacher = teacher_of(kind, kinds);
  const Kind* alone = alone_of(kind, kinds);
  const Spread own = spread_of(kind, kRecall1);
  if (!own.count || (!teacher && !alone)) return "";
  const std::string size = size_text(*kind.runs[0]);
  std::string text = fmt::format("<strong>{}</strong>{} reaches R@1 {} %", escape(kind.name),
                                 size.empty() ? "" : " (" + size + ")", percent_text(own.mean));
  if (teacher)
    if (const Spread t = spread_of(*teacher, kRecall1); t.count && t.mean > 0) {
      const std::string teacher_size = size_text(*teacher->runs[0]);
      text += fmt::format(": {:.0f} % of what its teacher {}{} reaches ({} %)", 100 * own.mean / t.mean,
                          escape(teacher->name), teacher_size.empty() ? "" : ", " + teacher_size + ",",
                          percent_text(t.mean));
    }
  if (alone)
    if (const Spread a = spread_of(*alone, kRecall1); a.count)
      text += fmt::format("; {} points {} the same network without a teacher ({}, {} %)",
                          percent_text(std::abs(own.mean - a.mean)), own.mean >= a.mean ? "above" : "below",
                          escape(alone->name), percent_text(a.mean));
  return text + ".";
}

std::string fact(const char* name, const std::string& value) {
  return value.empty() ? "" : fmt::format("<dt>{}</dt><dd>{}</dd>\n", name, escape(value));
}

std::string duration(double seconds) {
  if (seconds < 90) return fmt::format("{:.1f} s", seconds);
  if (seconds < 5400) return fmt::format("{:.1f} min", seconds / 60);
  return fmt::format("{:.1f} h", seconds / 3600);
}

}  // namespace

std::string state_text(const RunRecord& run) {
  const std::int64_t wanted = std::atoll(run.option("epochs").c_str());
  if (run.epochs_done < wanted || run.epochs_done == 0)
    return fmt::format("unfinished: epoch {} of {}, {} steps", run.epochs_done, run.option("epochs"),
                       number_text(static_cast<double>(run.steps)));
  return run.metrics.empty() ? "trained, not tested: no metrics.json" : "finished";
}

std::string summary_html(const std::vector<Kind>& kinds) {
  std::string items;
  for (const std::string& set : test_sets(kinds)) {
    const std::vector<Kind> group = kinds_on(kinds, set);
    const Kind* best = nullptr;
    for (const Kind& k : group)
      if (const Spread s = spread_of(k, kRecall1); s.count && (!best || s.mean > spread_of(*best, kRecall1).mean))
        best = &k;
    if (best) {
      const Spread s = spread_of(*best, kRecall1);
      items += fmt::format("<li>{}: <strong>{}</strong>, R@1 {}{} %.</li>\n",
                           group.size() > 1 ? "Best on " + escape(set) : escape(set), escape(best->name),
                           percent_text(s.mean), s.count > 1 ? " ± " + percent_text(s.deviation) : "");
    }
    for (const Kind& k : group)
      if (const std::string text = student_sentence(k, kinds); !text.empty()) items += "<li>" + text + "</li>\n";
  }
  if (items.empty()) items = "<li>No run has a Recall@1 yet.</li>\n";
  return "<ul class=\"summary\">\n" + items + "</ul>\n";
}

std::string comparison_html(const std::vector<Kind>& kinds) {
  const std::vector<std::string> sets = test_sets(kinds);
  std::string out =
      "<p class=\"note\">Shares in percent. ★ is the best of its column, among runs tested on the same pictures; "
      "counts "
      "and numbers of which more is not better have none. [Low, high] is a confidence interval.</p>\n";
  for (const std::string& set : sets) {
    const std::vector<Kind> group = kinds_on(kinds, set), runs = each_run_alone(group);
    std::vector<const RunRecord*> records;
    for (const Kind& k : runs) records.push_back(k.runs[0]);
    const std::vector<Column> columns = metric_columns(records);
    out += fmt::format("<h3>{}</h3>\n", set.empty() ? "Without test pictures" : "Tested on " + escape(set));
    if (group.size() < runs.size()) {
      out += "<p class=\"note\">Mean ± standard deviation (n − 1) over the seeds of each kind:</p>\n";
      out += metrics_table_html(group, columns, true) + "<p class=\"note\">Each run:</p>\n";
    }
    out += metrics_table_html(runs, columns, false);
    for (const RunRecord* run : records)
      if (run->selected_by == "test")
        out += fmt::format(
            "<p class=\"card missing\">The checkpoint of {} was chosen by its figures on these same test "
            "pictures, which makes them too good.</p>\n",
            escape(run->name));
  }
  return out;
}

std::string differences_html(const std::vector<RunRecord>& runs) {
  const std::vector<Difference> differences = config_differences(runs);
  if (runs.size() < 2) return "<p class=\"note\">One run: there is nothing to compare.</p>\n";
  if (differences.empty()) return "<p class=\"note\">All runs have the same options.</p>\n";
  std::string out = "<div class=\"card scroll\"><table class=\"options\">\n<thead><tr><th scope=\"col\">option</th>";
  for (const RunRecord& run : runs) out += fmt::format("<th scope=\"col\">{}</th>", escape(run.name));
  out += "</tr></thead>\n<tbody>\n";
  for (const Difference& d : differences) {
    out += "<tr><th scope=\"row\"><code>" + escape(d.key) + "</code></th>";
    for (const std::string& value : d.values)
      out += (value == "–" ? "<td class=\"none\">" : "<td>") + (value.empty() ? "“”" : escape(value)) + "</td>";
    out += "</tr>\n";
  }
  return out + "</tbody></table></div>\n";
}

std::string facts_html(const std::vector<RunRecord>& runs) {
  std::string out = "<div class=\"facts\">\n";
  for (const RunRecord& run : runs) {
    out += fmt::format("<div class=\"card\"><h3>{}</h3><dl>\n", escape(run.name)) + fact("state", state_text(run));
    out += fact("network", fmt::format("{}, width {}, embedding {}", run.option("arch"),
                                       plain_number(run.option("width")), run.option("embedding")));
    if (run.weights) out += fact("size", fmt::format("{}, {}", size_text(run), bytes_text(run.file_bytes)));
    out += fact("training", fmt::format("{} epoch{}, {} steps", run.epochs_done, run.epochs_done == 1 ? "" : "s",
                                        number_text(static_cast<double>(run.steps))));
    if (!run.selected_by.empty())
      out += fact(
          "metrics of",
          fmt::format("epoch {}, {}", run.selected_epoch,
                      run.selected_by == "last" ? "the last" : "the best on the " + run.selected_by + " pictures"));
    if (run.seconds > 0)
      out += fact("time", fmt::format("{}, {} images/s", duration(run.seconds),
                                      number_text(std::round(run.images / run.seconds))));
    out += fact("pictures", run.dataset) + fact("version", run.version);
    if (!run.isa.empty())
      out += fact("machine", fmt::format("{}, {} thread{}, oneDNN {}", run.isa, run.threads,
                                         run.threads == 1 ? "" : "s", run.onednn));
    if (!run.gpu.empty()) out += fact("GPU", run.gpu);
    out += fact("folder", run.path);
    for (const std::string& warning : run.warnings) out += fact("warning", warning);
    if (!run.command.empty()) out += "<dd class=\"wide\"><code>" + escape(run.command) + "</code></dd>\n";
    out += "</dl></div>\n";
  }
  return out + "</div>\n";
}

}  // namespace fledge::report
