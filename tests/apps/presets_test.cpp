// Every shipped preset can be read by the verb it is for, and those of the paper name each quirk of its code.
#include <catch2/catch.hpp>

#include "tests/apps/presets.h"

using namespace fledge::test;
using Catch::Contains;

TEST_CASE("every preset is read", "[presets]") {
  const TempFolder folder;
  const auto names = preset_names();
  CHECK(names.size() >= 56);
  for (const std::string& name : names) {
    INFO(name);
    const Outcome out = must(folder, {verb_of_preset(name), "--preset", name, "--print-config"});
    CHECK_THAT(out.out, Contains("batch-size = "));
  }
}

TEST_CASE("the paper's grid of presets, with each quirk as a key", "[presets]") {
  for (const std::string data : {"cub", "cars", "sop"})
    for (const std::string kind : {"teacher", "student", "absolute", "relative"})
      for (const std::string student : {"resnet18", "mobilenet025"}) {
        const std::string name = "paper/" + data + "/" + kind + "-" + student;
        INFO(name);
        const std::string text = preset_text(name);
        for (const char* key : {"margin", "form", "head-lr-scale", "augment", "adam-eps", "decay-norm", "small-classes",
                                "batches-per-epoch", "test-queries", "select", "seed", "freeze-bn", "schedule"})
          CHECK_THAT(text, Contains(std::string("\n") + key + " = "));
        if (kind == "absolute") CHECK_THAT(text, Contains("\nabs-form = ") && Contains("\nabs-eps-inside = "));
        if (kind == "relative") CHECK_THAT(text, Contains("\nrel-form = "));
        CHECK((verb_of_preset(name) == "distill") == (kind == "absolute" || kind == "relative"));
      }
}
