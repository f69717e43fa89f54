// fledge data verify | stats | prepare: what a data set holds, whether it is whole and every picture can be read, and
// packing it into one file of decoded pictures.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "apps/cli/output_files.h"
#include "apps/cli/progress.h"
#include "apps/verbs/verbs.h"
#include "base/error.h"
#include "base/escape.h"
#include "data/datasets/layouts.h"
#include "data/identity/similar_names.h"
#include "data/pack/pack.h"
#include "data/pack/pack_index.h"
#include "data/verify/verify.h"
#include "data/verify/verify_layout.h"
#include "io/folder.h"
#include "io/json_file.h"
#include "train/spec/options.h"

namespace fledge {
namespace {

struct DataVerbOptions {
  std::string data, classes, output;
  int workers = 2, short_side = 0;
  bool json = false, quiet = false, partial = false;
  PictureSpec pictures;
};

nlohmann::ordered_json spread_json(const Spread& s) { return {{"min", s.min}, {"median", s.median}, {"max", s.max}}; }

void add_layout_json(const DatasetReport& r, nlohmann::ordered_json& j) {
  if (!r.layout.empty()) j["layout"] = r.layout;
  if (r.published_images) j["published"] = {{"images", r.published_images}, {"classes", r.published_classes}};
  j["missing"] = r.missing;
  j["unlisted"] = r.unlisted;
  j["checksums"] = nlohmann::ordered_json::array();
  for (const auto& s : r.sums)
    j["checksums"].push_back(
        {{"file", s.path}, {"md5", s.md5}, {"published", s.published}, {"match", s.md5 == s.published}});
  j["remarks"] = nlohmann::ordered_json::array();
  for (const auto& m : r.remarks)
    j["remarks"].push_back({{"kind", m.kind}, {"fault", m.fault}, {"problem", m.problem}, {"mend", m.mend}});
}

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
  j["boxes"] = {{"count", r.boxes.boxes}, {"reaching_out", r.boxes.reaching_out}, {"outside", r.boxes.outside}};
  add_layout_json(r, j);
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

void print_layout(const DatasetReport& r) {
  if (r.boxes.boxes) fmt::print("boxes: {}\n", r.boxes.boxes);
  for (const auto& s : r.sums)
    fmt::print("MD5 {}: {}\n", s.md5 == s.published ? "as published" : "WRONG", shown(s.path));
  for (const auto& m : r.remarks)
    fmt::print("{}: {}\n  to mend it: {}\n", m.fault ? "fault" : "note", shown(m.problem), shown(m.mend));
}

void print_text(const DatasetReport& r) {
  fmt::print("{}\nimages per class (min / median / max): {}\n", shown(r.description), spread_text(r.images_per_class));
  if (!r.single_image_classes.empty())
    fmt::print("classes with one image: {} (they can be no one's positive)\n",
               shown(join_few(r.single_image_classes, ", ")));
  if (!r.empty_classes.empty()) fmt::print("empty classes: {}\n", shown(join_few(r.empty_classes, ", ")));
  if (!r.decoded) return;
  fmt::print("width  (min / median / max): {}\nheight (min / median / max): {}\nshort  (min / median / max): {}\n",
             spread_text(r.width), spread_text(r.height), spread_text(r.short_side));
  fmt::print("unreadable: {}\n", r.unreadable.size());
  for (const auto& u : r.unreadable) fmt::print("  {}: {}\n", shown(u.name), shown(u.reason));
  if (!r.unreadable.empty()) fmt::print("  to mend it: fetch these files again, or leave them out\n");
  fmt::print("groups of equal pictures: {}\n", r.duplicates.size());
  for (const auto& d : r.duplicates)
    fmt::print("  {}{}\n", shown(join_few(d.names, " = ")), d.across_classes ? "  (ACROSS CLASSES)" : "");
  if (std::any_of(r.duplicates.begin(), r.duplicates.end(), [](const auto& d) { return d.across_classes; }))
    fmt::print("  to mend it: keep each picture in one class\n");
  print_layout(r);
  fmt::print("{}\n", r.good() ? "good" : "not good: see above");
}

void print_report(const DataVerbOptions& o, const DatasetReport& report) {
  if (o.json)
    fmt::print("{}\n", json_text(report_json(report)));
  else
    print_text(report);
}

std::shared_ptr<Dataset> open_named(const DataVerbOptions& o) {
  if (o.data.empty())
    throw Error(ErrorKind::Usage, "", "no data set", "name one with --data: a folder, a list, or fashion-mnist");
  auto dataset = open_dataset({o.data, o.classes});
  if (const std::string text = similar_names(dataset->class_names()); !text.empty())
    std::fprintf(stderr, "warning: %s\n", text.c_str());
  return dataset;
}

// Exit code 3 when there is a fault.
int run_verify(const DataVerbOptions& o) {
  const auto dataset = open_named(o);
  DatasetReport report = verify(*dataset, o.workers, progress_bar("verify", o.quiet));
  check_layout(o.data, o.partial, report);
  print_report(o, report);
  return report.good() ? 0 : static_cast<int>(ErrorKind::BadInput);
}

int run_stats(const DataVerbOptions& o) {
  print_report(o, count_classes(*open_named(o)));
  return 0;
}

int run_prepare(const DataVerbOptions& o) {
  if (o.output.empty()) throw Error(ErrorKind::Usage, "", "no file to write", "name one with --output: FILE.pack");
  const auto dataset = open_named(o);
  refuse_input_as_output(o.output, {parse_source(o.data).path});
  refuse_other_file_as_output(o.output, std::string(kPackMagic), "pack");
  remove_dead_temporaries(o.output);
  const auto start = std::chrono::steady_clock::now();
  pack_dataset(*dataset, o.output,
               {.short_side = o.short_side, .workers = o.workers, .progress = progress_bar("prepare", o.quiet)});
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::error_code unknown;
  const auto bytes = std::filesystem::file_size(o.output, unknown);
  if (o.json) {
    const nlohmann::ordered_json j = {{"output", o.output},
                                      {"images", dataset->size()},
                                      {"classes", dataset->classes()},
                                      {"short_side", o.short_side},
                                      {"bytes", bytes},
                                      {"seconds", seconds}};
    fmt::print("{}\n", json_text(j));
  } else {
    fmt::print("{}: {} images, {} classes, {} bytes, {:.1f} seconds\n", shown(o.output), dataset->size(),
               dataset->classes(), bytes, seconds);
  }
  return 0;
}

Verb action(const char* name, const char* summary, DataVerbOptions& o) {
  Verb verb(name, summary, "", false);
  Fields& f = verb.fields;
  f.group("Data");
  f.add("data", o.data, "folder, list (.csv, .tsv), pack or fashion-mnist; [:train|:test|:all] where it has parts");
  f.add("classes", o.classes, "only these classes, by rank of their sorted names: 0-4,7");
  f.group("Output");
  f.add_switch("json", o.json, "one JSON object");
  f.add_switch("quiet", o.quiet, "no progress");
  return verb;
}

/// For the actions that decode.
void add_workers(Fields& f, DataVerbOptions& o) {
  bind_pictures(f, o.pictures);
  f.add("workers", o.workers, "decoding threads").between(0, 256);
}

}  // namespace

Verb data_verb() {
  Verb verb("data", "Look at a data set before training, or pack it: verify, stats, prepare.",
            "  fledge data stats --data cars/train\n  fledge data verify --data CUB_200_2011:train\n"
            "  fledge data verify --data fashion-mnist:test --json\n"
            "  fledge data prepare --data cars:train --short-side 144 --output cars-train.pack\n",
            false);
  auto o = std::make_shared<DataVerbOptions>();
  Verb verify = action("verify", "Is it whole, can every picture be read, what is doubled or in the wrong place?", *o);
  add_workers(verify.fields, *o);
  verify.fields.group("Data");
  verify.fields.add_switch("partial", o->partial,
                           "a part of a published data set is meant: no fault that pictures are fewer");
  verify.run = [o](const Verb&, const std::string&) { return run_verify(*o); };
  Verb stats = action("stats", "Count images and classes without decoding.", *o);
  stats.run = [o](const Verb&, const std::string&) { return run_stats(*o); };
  Verb prepare = action("prepare", "Decode every picture once into a file that training reads without decoding.", *o);
  add_workers(prepare.fields, *o);
  prepare.fields.group("Output");
  prepare.fields.add("output", o->output, "file to write: FILE.pack");
  prepare.fields.add("short-side", o->short_side, "shrink larger pictures to this short side; 0: keep them")
      .between(0, 16384);
  prepare.run = [o](const Verb&, const std::string&) { return run_prepare(*o); };
  verb.actions = {std::move(verify), std::move(stats), std::move(prepare)};
  verb.run = [o](const Verb& chosen, const std::string& command) {
    apply(o->pictures);
    for (const Verb& one : chosen.actions)
      if (one.chosen) return one.run(one, command);
    return 0;
  };
  return verb;
}

}  // namespace fledge
