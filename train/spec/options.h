// What a training run can be told, as one plain struct, and its flags in groups.
#pragma once
#include <string>

#include "data/loader.h"
#include "nn/losses/loss.h"
#include "nn/models/model.h"
#include "nn/optim/optimizer.h"
#include "nn/optim/schedule.h"
#include "train/model/foreign_model.h"
#include "train/spec/field.h"
#include "train/spec/picture_options.h"

namespace fledge {

/// Which pictures, for evaluation and embedding.
struct EvalDataOptions {
  std::string data, classes;
  std::int64_t batch_size = 64;
  int size = 0;           // 0: what the model was trained with
  int resize_short = -1;  // -1: what the model was trained with
  std::string normalize;  // empty: what the model was trained with
  std::string degrade;    // empty: what the model was trained with; "none", or as parse_degradation() takes it
  std::string box;        // empty: what the model was trained with; "on", "off"
  std::string on_bad_image = "fail";
  int workers = 1;
  PictureOptions pictures;
};

struct MachineOptions {
  int threads = 0;
  std::string device = "auto", precision = "f32", deterministic = "repeat";
  bool quiet = false;
};

struct TrainOptions {
  // data
  std::string train, train_classes, test, test_classes;
  std::int64_t batch_size = 32, images_per_class = 4, batches_per_epoch = 0;
  int size = 224, resize_short = 0, test_resize_short = 256;
  std::string augment = "modern", normalize = "auto";
  double area_low = 0.08, flip = 0.5;
  int pad_shift = 0;
  bool random_crop = true;
  int workers = 1;
  std::int64_t cache_mb = 1024;
  std::string on_bad_image = "fail";
  double max_bad_fraction = 0.001;
  std::int64_t crops = 0, super_classes = 0;
  std::string small_classes = "repeat";
  PictureOptions pictures;
  // settings of distillation: who has labels, who sees what
  double labelled = 1.0;
  std::string unlabelled, degrade, boxes = "none";
  std::int64_t unlabelled_per_batch = 0;
  // validation
  double validation = 0;
  std::uint64_t validation_seed = 0;
  std::string select = "auto";
  std::int64_t patience = 0;
  // model
  ModelSpec model;
  std::string weights;
  bool freeze_bn = false;
  // loss
  std::string loss = "triplet";
  double loss_weight = 1.0;
  LossOptions loss_options;
  std::string teacher, distill, teacher_cache;
  ForeignOptions foreign_teacher, foreign_weights;
  // optimiser
  OptimizerOptions optimizer;
  Schedule schedule;
  double head_lr_scale = 1.0, proxy_lr_scale = 1.0, regressor_lr_scale = 1.0, clip_grad = 0;
  bool decay_norm = true;
  std::string adam_eps = "modern", milestones;
  std::int64_t epochs = 10;
  double warmup_epochs = 0;
  // run
  std::string run = "runs/run", seeds, resume = "never";
  bool resume_allow_change = false, final_eval = true;
  std::uint64_t seed = 0;
  std::int64_t save_every = 0, keep = 2, eval_every = 0;
  std::string on_nan = "stop";
  std::string recall_at = "1,2,4,8", step_graph = "auto";
  std::int64_t test_queries = 0;
  MachineOptions machine;
};

void bind_machine(Fields& fields, MachineOptions& o);
void bind_eval_data(Fields& fields, EvalDataOptions& o);
void bind_model(Fields& fields, ModelSpec& spec, std::string& weights);
/// All groups of a training run; `teacher`: with the distillation group.
void bind_training(Fields& fields, TrainOptions& o, bool teacher);

/// "1,2,4,8" -> numbers >= 1. Throws Error(Usage) naming the flag.
std::vector<std::int64_t> parse_counts(const std::string& text, const std::string& flag);

/// "0,1,2" -> seeds, each once. Throws Error(Usage).
std::vector<std::uint64_t> parse_seeds(const std::string& text);

}  // namespace fledge
