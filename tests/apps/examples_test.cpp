// The programs of examples/ do what their first lines say.
#include "tests/apps/runner.h"

using namespace fledge::test;

TEST_CASE("examples: a teacher and a student from code", "[examples]") {
  const TempFolder folder;
  make_pictures(folder / "pictures/train", 8, 8, 32);
  make_pictures(folder / "pictures/test", 3, 6, 32, 1);
  const Outcome outcome = Process(folder, {"pictures", "runs"}, 0, FLEDGE_EXAMPLES "/example_train_and_distill").wait();
  INFO(outcome.err);
  REQUIRE(outcome.code == 0);
  CHECK(outcome.out.find("epoch 3: loss ") != std::string::npos);
  for (const char* run : {"runs/teacher", "runs/student"}) {
    CHECK(read_json(folder / run + "/metrics.json").at("recall@1").is_number());
    CHECK(log_lines(folder / run, "epoch").size() == 3);
  }
  // What code wrote, the command line goes on with.
  must(folder, {"eval", "runs/student"});
  const Outcome again = must(folder, {"distill", "--config", "runs/student/config.toml", "--resume", "auto"});
  CHECK(again.err.find("is complete") != std::string::npos);
}
