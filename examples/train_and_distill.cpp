// Trains a teacher and distils it into a small student, from code: what `fledge train` and `fledge distill` do.
// usage: train_and_distill PICTURES RUNS      (PICTURES/train/CLASS/*.jpg, PICTURES/test/CLASS/*.jpg)
#include <cstdio>

#include "base/error.h"
#include "train/run_training.h"

using namespace fledge;

struct Lines : RunObserver {
  void epoch_done(const EpochDone& e) override {
    for (const auto& [name, mean] : e.means)
      if (name == "loss") std::printf("epoch %d: loss %.3f\n", static_cast<int>(e.epoch), mean);
  }
};

int main(int argc, char** argv) try {
  if (argc != 3) return std::puts("usage: train_and_distill PICTURES RUNS"), 2;
  const std::string pictures = argv[1], runs = argv[2];
  RunSpec teacher;  // what is not said is as `fledge train --help` says
  teacher.data.train = pictures + "/train", teacher.data.test = pictures + "/test";
  teacher.views.size = 32, teacher.views.test_resize_short = 0;
  teacher.model.network = {.arch = "resnet18", .width = 0.25, .embedding = 32, .stem = "small"};
  teacher.loss.loss = "cosine-softmax";
  teacher.optim.epochs = 3;
  teacher.policy.folder = runs + "/teacher";
  RunSpec student = teacher;
  student.model.network.arch = "mobilenet_v1";
  student.loss.teacher = teacher.policy.folder, student.loss.distill = "relative=0.3";
  student.policy.folder = runs + "/student";
  Lines lines;
  for (const RunSpec& run : {teacher, student})
    if (const auto metrics = run_training(run, lines).metrics)
      std::printf("%s: Recall@1 %.2f %%\n", run.policy.folder.c_str(), 100 * metrics->recall.at(1));
} catch (const Error& e) {
  return std::fprintf(stderr, "%s\n", e.what()), 1;
}
