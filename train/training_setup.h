// Everything a training run is made of, built from its options.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/identity/content.h"
#include "train/loop/step.h"
#include "train/model/model_file.h"
#include "train/model/teacher.h"
#include "train/model/teacher_cache.h"
#include "train/run/checkpoint.h"
#include "train/spec/options.h"

namespace fledge {

struct TrainingSetup : Learner {
  std::shared_ptr<Dataset> train, validation, test;                              // the last two may be null
  std::unique_ptr<Contents> train_contents, validation_contents, test_contents;  // of those; null where they are
  std::vector<FileStamp> train_stamps, validation_stamps, test_stamps;           // from before anything was read
  std::optional<PKSampler> sampler;
  TrainTransform transform;
  BoxUse boxes = BoxUse::None;
  Degradation degradation;  // of what the student sees
  LoaderOptions loading;
  Preprocessing preprocessing;
  std::unique_ptr<Teacher> teacher;     // null without distillation
  std::string teacher_hash;             // of its weights, wherever they were read from; "" without it
  std::unique_ptr<TeacherCache> cache;  // null without --teacher-cache
  Schedule schedule;
  std::vector<std::string> notes;     // lines for the user: data, weights, warnings
  std::int64_t test_overlap = 0;      // test pictures that are training pictures
  std::vector<std::string> overlaps;  // test or validation pictures that are training pictures: to be said always
};

/// Errors (Usage, BadInput) as the parts throw them, plus: no --train, no loss at all, --distill without --teacher.
/// Model, losses that can, and teacher are put on `device`.
TrainingSetup set_up_training(const RunSpec& options, Device device, DType activations);

/// Weights, moments and loss parameters into and out of a checkpoint.
void store(const TrainingSetup& setup, Checkpoint& checkpoint);
void restore(TrainingSetup& setup, const Checkpoint& checkpoint);

}  // namespace fledge
