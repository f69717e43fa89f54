// Every shipped preset can be read by the verb it is for, and those of the paper name each quirk of its code.
#include <catch2/catch.hpp>
#include <filesystem>

#include "tests/apps/runner.h"

using namespace fledge::test;
using Catch::Contains;
namespace fs = std::filesystem;

namespace {

const std::string kFolder = std::string(FLEDGE_SOURCE_DIR) + "/apps/presets";

std::vector<std::string> presets(const std::string& below) {
  std::vector<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(kFolder + "/" + below))
    if (entry.path().extension() == ".toml")
      names.push_back(fs::relative(entry.path(), kFolder).replace_extension().generic_string());
  return names;
}

bool distills(const std::string& preset) {
  return text_of(kFolder + "/" + preset + ".toml").find("\ndistill = ") != std::string::npos;
}

}  // namespace

TEST_CASE("every preset is read", "[presets]") {
  const TempFolder folder;
  const auto names = presets(".");
  CHECK(names.size() >= 56);
  for (const std::string& name : names) {
    INFO(name);
    const std::string verb = distills(name) ? "distill" : "train";
    const Outcome out = must(folder, {verb, "--preset", name, "--print-config"});
    CHECK_THAT(out.out, Contains("batch-size = "));
  }
}

TEST_CASE("the paper's grid of presets, with each quirk as a key", "[presets]") {
  for (const std::string data : {"cub", "cars", "sop"})
    for (const std::string kind : {"teacher", "student", "absolute", "relative"})
      for (const std::string student : {"resnet18", "mobilenet025"}) {
        const std::string name = "paper/" + data + "/" + kind + "-" + student;
        INFO(name);
        const std::string text = text_of(kFolder + "/" + name + ".toml");
        for (const char* key : {"margin", "form", "head-lr-scale", "augment", "adam-eps", "decay-norm", "small-classes",
                                "batches-per-epoch", "test-queries", "select", "seed", "freeze-bn", "schedule"})
          CHECK_THAT(text, Contains(std::string("\n") + key + " = "));
        if (kind == "absolute") CHECK_THAT(text, Contains("\nabs-form = ") && Contains("\nabs-eps-inside = "));
        if (kind == "relative") CHECK_THAT(text, Contains("\nrel-form = "));
        CHECK(distills(name) == (kind == "absolute" || kind == "relative"));
      }
}
