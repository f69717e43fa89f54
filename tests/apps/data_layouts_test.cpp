// `fledge data` on trees in the exact form of the known data sets (tests/data/layouts): reports, exit codes, packing.
#include <catch2/catch.hpp>

#include "tests/apps/runner.h"

using namespace fledge::test;
using Catch::Contains;
using nlohmann::json;

namespace {

std::string tree(const std::string& below) { return std::string(FLEDGE_SOURCE_DIR) + "/tests/data/layouts/" + below; }

/// The JSON report of a verb, which must leave with `code`.
json report(const TempFolder& folder, const Arguments& arguments, int code) {
  const Outcome outcome = run_fledge(folder, arguments + Arguments{"--json", "--quiet"});
  INFO(outcome.err);
  REQUIRE(outcome.code == code);
  return json::parse(outcome.out);
}

const json& remark(const json& j, const std::string& kind) {
  for (const json& m : j["remarks"])
    if (m["kind"] == kind) return m;
  FAIL("no remark '" << kind << "' in " << j["remarks"]);
  return j;
}

}  // namespace

TEST_CASE("data verify: each layout by itself, and as a part of the published set", "[e2e][layouts]") {
  const TempFolder folder;
  struct Case {
    const char *source, *layout;
    int images, classes, published, boxes;
  };
  for (const Case& c : {Case{"cub:train", "CUB-200-2011", 12, 3, 5864, 12},
                        {"cub/CUB_200_2011:test", "CUB-200-2011", 12, 3, 5924, 12},
                        {"cars_a:test", "Cars-196", 12, 3, 8131, 12},
                        {"cars_b", "Cars-196", 24, 6, 16185, 24},
                        {"cars_c:train", "Cars-196", 12, 3, 8054, 12},
                        {"products:test", "Stanford Online Products", 12, 4, 60502, 0}}) {
    INFO(c.source);
    const json strict = report(folder, {"data", "verify", "--data", tree(c.source)}, 3);
    CHECK(strict["layout"] == c.layout);
    CHECK(strict["images"] == c.images);
    CHECK(strict["classes"] == c.classes);
    CHECK(strict["published"]["images"] == c.published);
    CHECK(strict["boxes"]["count"] == c.boxes);
    CHECK(strict["good"] == false);
    CHECK(remark(strict, "incomplete")["fault"] == true);
    CHECK(strict["unreadable"].empty());
    CHECK(strict["duplicates"].empty());
    CHECK(strict["unlisted"].empty());
    const json partial = report(folder, {"data", "verify", "--partial", "--data", tree(c.source)}, 0);
    CHECK(partial["good"] == true);
    CHECK(remark(partial, "incomplete")["fault"] == false);
  }
  const json list = report(folder, {"data", "verify", "--data", tree("list/list.csv:train")}, 0);
  CHECK(list["images"] == 11);
  CHECK(list["layout"] == "list");
  CHECK_FALSE(list.contains("published"));
  const json split = report(folder, {"data", "verify", "--data", tree("split:all")}, 0);
  CHECK(split["classes"] == 5);
  CHECK_FALSE(split.contains("layout"));
}

TEST_CASE("data verify says in words what is wrong and how to mend it", "[e2e][layouts]") {
  const TempFolder folder;
  std::filesystem::copy(tree("cars_b"), folder / "cars", std::filesystem::copy_options::recursive);
  std::filesystem::remove(folder / "cars/cars_test/00003.jpg");
  spill(folder / "cars/cars_test/00004.jpg", std::string("no picture"));
  spill(folder / "cars/cars_train/extra.jpg", std::string("x"));
  const Outcome o = run_fledge(folder, {"data", "verify", "--partial", "--quiet", "--data", "cars"});
  CHECK(o.code == 3);
  CHECK_THAT(o.out, Contains("unreadable: 1\n  cars_test/00004.jpg: "));
  CHECK_THAT(o.out, Contains("fault: 1 picture is listed and not on disk ('cars_test/00003.jpg')\n  to mend it: "));
  CHECK_THAT(o.out, Contains("note: 1 picture is on disk and in no annotation ('cars_train/extra.jpg')"));
  CHECK_THAT(o.out, Contains("note: not the full data set: 23 of 16,185 images, 6 of 196 classes"));
  CHECK_THAT(o.out, Contains("not good: see above"));
  const json stats = report(folder, {"data", "stats", "--data", "cars:test"}, 0);
  CHECK(stats["images"] == 12);
  CHECK_FALSE(stats.contains("remarks"));

  std::filesystem::remove(folder / "cars/devkit/cars_test_annos_withlabels.mat");
  const Outcome lacking = run_fledge(folder, {"data", "stats", "--data", "cars"});
  CHECK(lacking.code == 3);
  CHECK_THAT(lacking.err, Contains("error: ") && Contains("lacks cars_test_annos_withlabels.mat"));
  CHECK(run_fledge(folder, {"data", "stats", "--data", tree("split/train:test")}).code == 2);
}

TEST_CASE("data prepare packs any data set, and the pack is one", "[e2e][layouts]") {
  const TempFolder folder;
  const json made =
      report(folder, {"data", "prepare", "--data", tree("cub:train"), "--output", "cub.pack", "--short-side", "10"}, 0);
  CHECK(made["images"] == 12);
  CHECK(made["classes"] == 3);
  CHECK(made["bytes"] == std::filesystem::file_size(folder / "cub.pack"));
  CHECK(made["seconds"] >= 0);
  const json checked = report(folder, {"data", "verify", "--data", "cub.pack"}, 0);
  CHECK(checked["images"] == 12);
  CHECK(checked["short_side"]["max"] == 10);
  CHECK(checked["boxes"]["count"] == 12);
  CHECK(checked["boxes"]["outside"].empty());
  CHECK_THAT(must(folder, {"data", "prepare", "--quiet", "--data", tree("split:all"), "--output", "all.pack"}).out,
             Contains("all.pack: 20 images, 5 classes, "));
  CHECK(run_fledge(folder, {"data", "prepare", "--data", tree("split:all")}).code == 2);
}

TEST_CASE("stats, verify and train take the same pictures of folders in class folders", "[e2e][layouts]") {
  const std::string set = shared_folder("cases/d_subfolders/set");
  if (set.empty()) {
    WARN("skipped: no shared cases (set FLEDGE_SHARED)");
    return;
  }
  const TempFolder folder;
  const std::string said =
      "16 images, 3 classes, 7 of the images in folders below their class's ('c1/more/3.jpg', ...)";
  for (const char* verb : {"stats", "verify"}) {
    const json j = report(folder, {"data", verb, "--data", set}, 0);
    CHECK(j["images"] == 16);
    CHECK_THAT(j["description"].get<std::string>(), Contains(said));
  }
  CHECK_THAT(
      must(folder, Arguments{"train"} + tiny() + Arguments{"--train", set, "--test", "", "--quiet=false", "--run", "r"})
          .err,
      Contains("train: folder " + set + ": " + said));
}

TEST_CASE("lists as people write them: read, or refused with what stands there", "[e2e][layouts]") {
  const std::string lists = shared_folder("cases/d_csv");
  if (lists.empty()) {
    WARN("skipped: no shared cases (set FLEDGE_SHARED)");
    return;
  }
  const TempFolder folder;
  for (const char* name : {"bom_crlf", "space_after_comma"}) {
    INFO(name);
    const json j = report(folder, {"data", "verify", "--data", lists + "/" + name + ".csv"}, 0);
    CHECK(j["classes"] == 3);
    CHECK(j["images"] == 9);
  }
  CHECK(report(folder, {"data", "verify", "--data", lists + "/numeric.csv"}, 0)["classes"] == 12);
  const auto refused = [&](const char* name) {
    const Outcome o = run_fledge(folder, {"data", "verify", "--data", lists + "/" + name + ".csv"});
    CHECK(o.code == 3);
    return o.err;
  };
  CHECK_THAT(refused("float_label"), Contains("float_label.csv:3: label '0.0' is the number '0' of line 2"));
  CHECK_THAT(refused("semicolon"), Contains("it is 'path;label'"));
  CHECK_THAT(refused("no_header"), Contains("it is 'img/c0/0.jpg', 'c0'"));
  CHECK_THAT(refused("missing_label"), Contains("missing_label.csv:2: label is empty"));
}

TEST_CASE("Cars-196 copies of other shapes are found", "[e2e][layouts]") {
  const std::string cars = shared_folder("cases/d_cars");
  if (cars.empty()) {
    WARN("skipped: no shared cases (set FLEDGE_SHARED)");
    return;
  }
  const TempFolder folder;
  for (const char* form : {"flat_devkit_and_annos", "kaggle_nested", "original"}) {
    INFO(form);
    const json j = report(folder, {"data", "verify", "--partial", "--data", cars + "/" + form + ":test"}, 0);
    CHECK(j["images"] == 12);
    CHECK(j["classes"] == 3);
    CHECK(j["missing"].empty());
    must(folder,
         Arguments{"train"} + tiny() +
             Arguments{"--train", cars + "/" + form + ":train", "--test", cars + "/" + form + ":test", "--run", form});
  }
}
