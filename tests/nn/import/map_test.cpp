// Maps: renaming and dropping tensors before the network is looked for.
#include <catch2/catch.hpp>

#include "tests/nn/import/lists.h"

using namespace fledge;
using namespace fledge::test;
using Catch::Matchers::Contains;

TEST_CASE("a map renames and drops; the longest match counts") {
  const Names names = renamed(names_of("resnet18", 0.125),
                              [](std::string n) { return n.starts_with("layer1.") ? "first." + n.substr(7) : n; }) +
                      linear_names("proj", 8, 64) + Names{{"first.0.mask", {8}}, {"queue", {100, 64}}};
  CHECK_THAT(import_error(names), Contains("no place"));
  const ImportPlan plan =
      plan_import(names, {.map = {{"first.", "layer1."}, {"proj.", "feat."}, {"first.0.mask", ""}, {"queue", ""}}});
  CHECK(flaw_of(names, plan) == "");
  CHECK(target_of(names, plan, "first.1.conv2.weight") == "layer1.1.conv2.weight");
  CHECK(target_of(names, plan, "proj.bias") == "feat.bias");
  CHECK(target_of(names, plan, "first.0.mask") == "dropped");
  CHECK(plan.unused.empty());
  CHECK(has_note(plan, "dropped by the map: 2 tensors ('first.0.mask', ...)"));
  CHECK_FALSE(has_note(plan, "never used"));
}

TEST_CASE("a map chooses between networks and heads, and makes a head of a classifier") {
  const Names backbone = names_of("resnet18", 0.125, "student.");
  const Names two = backbone + names_of("resnet50", 0.125, "teacher.");
  CHECK(plan_import(two, {.map = {{"teacher.", ""}}}).spec.arch == "resnet18");
  CHECK(plan_import(two, {.map = {{"student.", ""}}}).spec.arch == "resnet50");
  const Names heads = backbone + linear_names("a", 8, 64) + linear_names("b", 16, 64);
  CHECK(plan_import(heads, {.map = {{"b.", "feat."}}}).spec.embedding == 16);
  CHECK(plan_import(heads, {.map = {{"b.", ""}}}).spec.embedding == 8);
  const Names classifier = backbone + linear_names("student.fc", 10, 64);
  const ImportPlan plan = plan_import(classifier, {.map = {{"student.fc.", "student.feat."}}});
  CHECK(flaw_of(classifier, plan) == "");
  CHECK(plan.spec.embedding == 10);
  CHECK(plan.spec.classes == 0);
}

TEST_CASE("errors show both names of a mapped tensor, and entries that match nothing") {
  const Names names = names_of("resnet18", 0.125) + Names{{"x", {1}}};
  CHECK_THAT(import_error(names, {.map = {{"x", "conv1.extra"}}}),
             Contains("tensor 'x' (mapped to 'conv1.extra') has no place"));
  CHECK_THAT(import_error(names, {.map = {{"x", "bn1.bias"}}}), Contains("is there twice (as bn1.bias)"));
  CHECK_THAT(import_error(names, {.map = {{"x", ""}, {"layer9.", "layer1."}}}, ErrorKind::Usage),
             Contains("the map's 'layer9.' matches no tensor"));
  CHECK_THAT(import_error(names, {.map = {{"layer1", "layer2"}}}, ErrorKind::Usage),
             Contains("'layer1' matches no tensor") && Contains("must end in '.'"));
}

TEST_CASE("what a map drops may be absent: one map serves checkpoints of several stages") {
  const Names names = names_of("resnet18", 0.125);
  const ImportPlan plan = plan_import(names, {.map = {{"queue", ""}, {"encoder_k.", ""}}});
  CHECK(flaw_of(names, plan) == "");
  CHECK(has_note(plan, "the map drops what is not there: 'queue', 'encoder_k.'"));
  CHECK(plan.dropped.empty());
}

TEST_CASE("map files") {
  const NameMap map = parse_name_map(
      "# our old names\n"
      "\n"
      "stem.weight = conv1.weight   # the first convolution\r\n"
      "  net. =trunk.\n"
      "head.=\n"
      "one=",
      "names.map");
  CHECK(map == NameMap{{"stem.weight", "conv1.weight"}, {"net.", "trunk."}, {"head.", ""}, {"one", ""}});
  CHECK(parse_name_map("", "names.map").empty());
  const auto error = [](const std::string& text) {
    try {
      parse_name_map(text, "names.map");
    } catch (const Error& e) {
      CHECK(e.kind() == ErrorKind::Usage);
      return std::string(e.what());
    }
    return std::string("no error");
  };
  CHECK_THAT(error("a = b\n\nfoo bar\n"), Contains("names.map:3: 'foo bar' has no '='"));
  CHECK_THAT(error(" = b"), Contains("names.map:1: nothing stands before '='"));
  CHECK_THAT(error("# x\na. = b"), Contains("names.map:2: 'a.' = 'b' maps a prefix to a name"));
  CHECK_THAT(error("a = b."), Contains("maps a name to a prefix"));
  CHECK_THAT(error("a = b\na = c"), Contains("names.map:2: 'a' is mapped twice"));
}
