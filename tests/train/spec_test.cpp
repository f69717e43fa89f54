// The rows of a run's settings: which of them a teacher's kept outputs depend
// on, and what a run that goes on may change.
#include <catch2/catch.hpp>
#include <set>

#include "nn/models/registry.h"
#include "train/spec/config_text.h"
#include "train/spec/options.h"

using namespace fledge;

namespace {

/// A value that the row's variable does not have now.
void change(Field& row) {
  if (auto* on = std::get_if<bool*>(&row.target)) **on = !**on;
  if (auto* n = std::get_if<int*>(&row.target)) ++**n;
  if (auto* n = std::get_if<std::int64_t*>(&row.target)) ++**n;
  if (auto* n = std::get_if<std::uint64_t*>(&row.target)) ++**n;
  if (auto* n = std::get_if<double*>(&row.target)) **n += 0.25;
  if (auto* text = std::get_if<std::string*>(&row.target)) **text += "x";
  if (auto* on = std::get_if<Switch>(&row.target)) *on->on = !*on->on;
  if (auto* words = std::get_if<Words>(&row.target))
    for (const std::string& choice : words->all)
      if (choice != words->get()) return words->set(choice);
}

std::string line_of(const Field& row) { return row.key + " = \"" + row.text() + "\"\n"; }

}  // namespace

TEST_CASE("what a teacher's kept outputs depend on", "[spec]") {
  const std::set<std::string> expected = {"size",      "augment", "resize-short", "random-crop", "area-low",   "flip",
                                          "pad-shift", "boxes",   "seed",         "precision",   "fast-decode"};
  const std::string before = teacher_settings(RunSpec{});
  std::set<std::string> found;
  RunSpec any;
  Fields keys;
  bind_training(keys, any, true);
  for (const Field& key : keys) {
    RunSpec spec;
    Fields rows;
    bind_training(rows, spec, true);
    const std::string value = rows.find(key.key)->value_text();
    change(*rows.find(key.key));
    INFO(key.key);
    CHECK(rows.find(key.key)->value_text() != value);
    if (key.group == "Loss") continue;  // which losses there are, and which file keeps the outputs
    if (teacher_settings(spec) != before) found.insert(key.key);
  }
  CHECK(found == expected);
}

TEST_CASE("what may change in a run that goes on", "[spec]") {
  RunSpec spec;
  Fields rows;
  bind_training(rows, spec, true);
  const std::string config = config_text(rows);
  CHECK(changed_settings(config, config).empty());
  const auto with = [](Fields changed, const std::string& key, const std::string& value) {
    changed.say(key, value);
    return config_text(changed);
  };
  CHECK(changed_settings(config, with(rows, "lr", "0.5")) == "lr = \"0.5\"");
  CHECK(changed_settings(config, with(rows, "workers", "7")).empty());
  CHECK(changed_settings(config, with(rows, "recall-at", "1")).empty());
  Fields choosing_rows = rows;
  choosing_rows.say("validation", "0.2");
  const std::string choosing = config_text(choosing_rows);
  CHECK(changed_settings(choosing, with(choosing_rows, "recall-at", "1")) == "recall-at = \"1\"");
  SECTION("a run from before there was a setting") {
    const auto without = [&](const std::string& key) {
      std::string text = config;
      const std::string line = line_of(*rows.find(key));
      return text.erase(text.find(line), line.size());
    };
    CHECK(changed_settings(without("precision"), config).empty());
    CHECK(changed_settings(without("precision"), with(rows, "precision", "bf16")) == "precision = \"bf16\"");
    CHECK(changed_settings(without("exif-rotate"), config) == "exif-rotate = \"auto\"");
    CHECK(changed_settings(without("exif-rotate"), with(rows, "exif-rotate", "off")).empty());
    CHECK(changed_settings(without("max-image-mb"), with(rows, "max-image-mb", "7")).empty());
    CHECK(changed_settings(without("lr"), config) == "lr = \"0.001\"");
  }
}

TEST_CASE("an architecture that a program registered stands in the help, and --arch knows it", "[spec]") {
  if (!find_architecture("plain"))
    register_architecture({.name = "plain",
                           .make = {},
                           .variants = {{.name = "torch"}, {.name = "flat", .about = "eps 1e-3"}},
                           .widths = "plain 1"});
  RunSpec spec;
  Fields rows;
  bind_training(rows, spec, true);
  CHECK(rows.find("arch")->help.starts_with("mobilenet_v1, plain, resnet101, "));
  CHECK(rows.find("width")->help.find("; plain 1; ") != std::string::npos);
  CHECK(rows.find("conventions")->help.find("; plain also flat (eps 1e-3); ") != std::string::npos);
  CHECK(rows.find("teacher-conventions")->help.find(", flat (plain), ") != std::string::npos);
  CHECK_NOTHROW(rows.find("arch")->check("plain"));
  CHECK_NOTHROW(rows.find("teacher-arch")->check(""));
  for (const char* key : {"arch", "teacher-arch"})
    CHECK_THROWS_WITH(rows.find(key)->check("plane"), Catch::Contains("unknown architecture 'plane'"));
}
