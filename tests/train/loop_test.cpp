// The loop, seen by an observer: what it is told, in which order.
#include <catch2/catch.hpp>

#include "base/error.h"
#include "tests/support/class_folders.h"
#include "tests/support/files.h"
#include "train/run_training.h"

using namespace fledge;
using namespace fledge::test;

namespace {

struct Witness : RunObserver {
  std::vector<std::string> events;
  std::vector<double> losses;
  void epoch_started(const EpochStart& e) override {
    events.push_back("start " + std::to_string(e.epoch) + " of " + std::to_string(e.epochs));
  }
  void step_done(const StepDone& e) override {
    events.push_back("step " + std::to_string(e.step));
    CHECK(e.applied == e.step - 2 * (e.epoch - 1));
    CHECK(e.pictures_done == 8 * e.applied);
    for (const auto& [name, value] : e.numbers)
      if (name == "loss") losses.push_back(value);
    if (stops_at == e.step) throw Error(ErrorKind::Internal, "", "the observer has seen enough");
  }
  void epoch_left() override { events.push_back("left"); }
  void epoch_done(const EpochDone& e) override {
    events.push_back("epoch " + std::to_string(e.epoch));
    for (const auto& [name, mean] : e.means)
      if (name == "loss") CHECK(mean == Approx((losses[losses.size() - 2] + losses.back()) / 2));
  }
  void measured(const Measured& e) override { events.push_back(e.set + " at " + std::to_string(e.step)); }
  std::int64_t stops_at = 0;
};

RunSpec small_run(const TempFolder& folder) {
  make_pictures(folder / "train", 4, 4, 32);
  make_pictures(folder / "test", 3, 4, 32, 1);
  RunSpec spec;
  spec.data.train = folder / "train", spec.data.test = folder / "test";
  spec.data.batch_size = 8, spec.data.images_per_class = 4;
  spec.views.size = 28, spec.views.test_resize_short = 0;
  spec.model.network = {.arch = "resnet18", .width = 0.0625, .embedding = 8, .stem = "small"};
  spec.optim.epochs = 2;
  spec.machine.device = "cpu", spec.machine.threads = 1;
  spec.policy.folder = folder / "run";
  return spec;
}

}  // namespace

TEST_CASE("loop: what an observer is told", "[loop]") {
  const TempFolder folder;
  Witness witness;
  const RunOutcome outcome = run_training(small_run(folder), witness);
  CHECK(outcome.signal == 0);
  REQUIRE(outcome.metrics);
  CHECK(outcome.metrics->recall.count(1) == 1);
  CHECK(witness.events == std::vector<std::string>{"start 1 of 2", "step 1", "step 2", "left", "epoch 1",
                                                   "start 2 of 2", "step 3", "step 4", "left", "epoch 2", "eval at 4"});
}

TEST_CASE("loop: an observer's error ends the run, which goes on from its last checkpoint", "[loop]") {
  const TempFolder folder;
  RunSpec spec = small_run(folder);
  Witness witness;
  witness.stops_at = 3;
  CHECK_THROWS_AS(run_training(spec, witness), Error);
  spec.policy.resume = Resume::Auto;
  Witness second;
  run_training(spec, second);
  CHECK(second.events.front() == "start 2 of 2");
  CHECK(second.losses[0] == witness.losses[2]);
}
