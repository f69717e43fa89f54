// fledge data verify | stats: what a data set holds, and whether every picture can be read.
#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "apps/common/config.h"
#include "apps/common/progress.h"
#include "apps/verbs/verbs.h"
#include "data/verify.h"
#include "kernels/api/error.h"

namespace fledge {
namespace {

struct DataVerbOptions {
  std::string data, classes;
  int workers = 2;
  bool json = false, quiet = false;
};

nlohmann::ordered_json spread_json(const Spread& s) { return {{"min", s.min}, {"median", s.median}, {"max", s.max}}; }

nlohmann::ordered_json report_json(const DatasetReport& r) {
  nlohmann::ordered_json j = {{"description", r.description},
                              {"images", r.images},
                              {"classes", r.classes},
                              {"images_per_class", spread_json(r.images_per_class)},
                              {"single_image_classes", r.single_image_classes},
                              {"empty_classes", r.empty_classes}};
  if (!r.decoded) return j;
  j["unreadable"] = nlohmann::ordered_json::array();
  for (const auto& u : r.unreadable) j["unreadable"].push_back({{"name", u.name}, {"reason", u.reason}});
  j["duplicates"] = nlohmann::ordered_json::array();
  for (const auto& d : r.duplicates)
    j["duplicates"].push_back({{"names", d.names}, {"across_classes", d.across_classes}});
  j["width"] = spread_json(r.width), j["height"] = spread_json(r.height), j["short_side"] = spread_json(r.short_side);
  j["good"] = r.good();
  return j;
}

std::string spread_text(const Spread& s) { return fmt::format("{} / {} / {}", s.min, s.median, s.max); }

std::string join_few(const std::vector<std::string>& names, const char* separator) {
  constexpr std::size_t kShown = 5;
  std::string text;
  for (std::size_t i = 0; i < names.size() && i < kShown; ++i) text += (i ? separator : "") + names[i];
  if (names.size() > kShown) text += fmt::format("{}... ({} in all)", separator, names.size());
  return text;
}

void print_text(const DatasetReport& r) {
  fmt::print("{}\nimages per class (min / median / max): {}\n", r.description, spread_text(r.images_per_class));
  if (!r.single_image_classes.empty())
    fmt::print("classes with one image: {} (they can be no one's positive)\n", join_few(r.single_image_classes, ", "));
  if (!r.empty_classes.empty()) fmt::print("empty classes: {}\n", join_few(r.empty_classes, ", "));
  if (!r.decoded) return;
  fmt::print("width  (min / median / max): {}\nheight (min / median / max): {}\nshort  (min / median / max): {}\n",
             spread_text(r.width), spread_text(r.height), spread_text(r.short_side));
  fmt::print("unreadable: {}\n", r.unreadable.size());
  for (const auto& u : r.unreadable) fmt::print("  {}: {}\n", u.name, u.reason);
  fmt::print("groups of equal pictures: {}\n", r.duplicates.size());
  for (const auto& d : r.duplicates)
    fmt::print("  {}{}\n", join_few(d.names, " = "), d.across_classes ? "  (ACROSS CLASSES)" : "");
  fmt::print("{}\n", r.good() ? "good" : "not good: see above");
}

// Exit code 3 when a picture cannot be read or classes share one.
int run_data(const DataVerbOptions& o, bool decode) {
  if (o.data.empty())
    throw Error(ErrorKind::Usage, "", "no data set",
                "name one with --data: a folder with one folder a class, or fashion-mnist");
  const auto dataset = open_dataset({o.data, o.classes});
  DatasetReport report;
  if (decode) {
    Progress progress("verify", dataset->size(), o.quiet);
    report = verify(*dataset, o.workers, [&](std::int64_t done, std::int64_t) { progress.update(done); });
  } else {
    report = count_classes(*dataset);
  }
  if (o.json)
    fmt::print("{}\n", report_json(report).dump());
  else
    print_text(report);
  return decode && !report.good() ? static_cast<int>(ErrorKind::BadInput) : 0;
}

CLI::App* add_action(CLI::App& data, const char* name, const char* summary, DataVerbOptions& o) {
  CLI::App* verb = data.add_subcommand(name, summary);
  verb->add_option("--data", o.data, "folder with one folder a class, or fashion-mnist[:train|:test]")->group("Data");
  verb->add_option("--classes", o.classes, "only these classes, by rank of their sorted names: 0-4,7")->group("Data");
  verb->add_option("--workers", o.workers, "decoding threads")->check(CLI::Range(0, 256))->group("Data");
  verb->add_flag("--json", o.json, "one JSON object")->group("Output");
  verb->add_flag("--quiet", o.quiet, "no progress")->group("Output");
  return verb;
}

}  // namespace

RunVerb add_data(CLI::App& app) {
  CLI::App* data = app.add_subcommand("data", "Look at a data set before training: verify, stats.");
  data->require_subcommand(1);
  data->footer(
      help_footer("  fledge data stats --data cars/train\n  fledge data verify --data cars/train\n"
                  "  fledge data verify --data fashion-mnist:test --json\n"));
  auto o = std::make_shared<DataVerbOptions>();
  CLI::App* check =
      add_action(*data, "verify", "Decode every picture: what is unreadable, what is doubled, how large they are.", *o);
  add_action(*data, "stats", "Count images and classes without decoding.", *o);
  return [check, o](const std::string&) { return run_data(*o, check->parsed()); };
}

}  // namespace fledge
