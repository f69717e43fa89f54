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

TEST_CASE("examples: a loss of one's own in all verbs", "[examples]") {
  const TempFolder folder;
  make_pictures(folder / "train", 4, 8, 32);
  make_pictures(folder / "test", 3, 6, 32, 1);
  const auto own = [&](const Arguments& arguments) {
    return Process(folder, arguments, 0, FLEDGE_EXAMPLES "/example_own_loss").wait();
  };
  must(folder, Arguments{"train", "--run", "teacher"} + tiny());
  const Arguments distill = Arguments{"distill", "--teacher", "teacher", "--run", "student"} + tiny();
  const Outcome trained = own(distill + Arguments{"--distill", "cosine-embedding=2", "--cosine-slack", "0.25"});
  INFO(trained.err);
  REQUIRE(trained.code == 0);
  const auto step = nlohmann::json::parse(log_lines(folder / "student", "step").front());
  const double cosine = step.at("cosine-embedding.cosine"), value = step.at("cosine-embedding");
  CHECK(value >= 0.75 - cosine - 1e-6);
  CHECK(own({"distill", "--help"}).out.find("--cosine-slack") != std::string::npos);
  CHECK(own(distill + Arguments{"--distill", "cosine-embeding=1"}).err.find("did you mean 'cosine-embedding'") !=
        std::string::npos);
  CHECK(own({"eval", "student"}).code == 0);
  // The binary without it says so.
  CHECK(run_fledge(folder, distill + Arguments{"--distill", "cosine-embedding=2"}).err.find("unknown loss") !=
        std::string::npos);
}
