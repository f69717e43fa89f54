// A training run, described by one value. What each member means, its bounds, and what a change of it does to a run
// that goes on or to a teacher's kept outputs stands in its row (run_fields.cpp).
#pragma once
#include <cstdint>
#include <string>

#include "data/exif_choice.h"
#include "data/loader.h"
#include "kernels/api/autotune.h"
#include "nn/losses/loss.h"
#include "nn/models/model.h"
#include "nn/optim/optimizer.h"
#include "nn/optim/schedule.h"
#include "train/model/external_model.h"

namespace fledge {

/// How picture files are read: turned upright or not, and what they may unfold to.
struct PictureSpec {
  ExifChoice exif_rotate = ExifChoice::Auto;
  std::int64_t max_pixels = 64ll << 20, max_mb = 128;
  int max_side = 16384;
};

enum class SmallClasses { Repeat, Shrink };

/// Which pictures, who has labels, how batches are made of them.
struct DataSpec {
  std::string train, train_classes, test, test_classes;
  std::int64_t batch_size = 32, images_per_class = 4, batches_per_epoch = 0;
  int workers = 1;
  std::int64_t cache_mb = 1024;
  OnBadImage on_bad_image = OnBadImage::Fail;
  double max_bad_fraction = 0.001;
  std::int64_t super_classes = 0;
  SmallClasses small_classes = SmallClasses::Repeat;
  PictureSpec pictures;
  double labeled = 1.0;
  std::string unlabeled;
  std::int64_t unlabeled_per_batch = 0;
  double validation = 0;
  std::uint64_t validation_seed = 0;
};

/// What the networks see of a picture.
struct ViewSpec {
  int size = 224, resize_short = 0, test_resize_short = 256;
  Augmentation augment = Augmentation::Modern;
  std::string normalize = "auto";
  double area_low = 0.08, flip = 0.5;
  int pad_shift = 0;
  bool random_crop = true, fast_decode = false;
  std::int64_t crops = 0;
  std::string degrade;
  BoxUse boxes = BoxUse::None;
};

/// The network that learns, and what it starts from.
struct StudentSpec {
  ModelSpec network;
  std::string weights;
  ExternalOptions external;
};

/// Of a frozen teacher; Same: as everything else.
enum class TeacherPrecision { Same, Int16, Int8 };

struct LossSpec {
  std::string loss = "triplet";
  double weight = 1.0;
  LossOptions options;
  std::string teacher, distill, teacher_cache;
  ExternalOptions external_teacher;
  TeacherPrecision teacher_precision = TeacherPrecision::Same;
};

enum class AdamEps { Modern, Legacy };

struct OptimSpec {
  OptimizerOptions rule;
  Schedule schedule;
  double head_lr_scale = 1.0, proxy_lr_scale = 1.0, regressor_lr_scale = 1.0, clip_grad = 0;
  bool decay_norm = true, freeze_bn = false;
  AdamEps adam_eps = AdamEps::Modern;
  std::string milestones;
  std::int64_t epochs = 10;
  double warmup_epochs = 0;
};

enum class Selection { Auto, Last, Test };
enum class Resume { Auto, Anew, Never };
enum class OnNan { Stop, Skip, Rollback };
enum class StepGraph { Auto, Off };

/// The run's folder, its checkpoints, what is measured when.
struct RunPolicy {
  std::string folder = "runs/run", seeds;
  Resume resume = Resume::Never;
  bool resume_allow_change = false, final_eval = true;
  std::uint64_t seed = 0;
  std::int64_t save_every = 0, keep = 2, eval_every = 0, patience = 0;
  Selection select = Selection::Auto;
  OnNan on_nan = OnNan::Stop;
  std::string recall_at = "1,2,4,8";
  StepGraph step_graph = StepGraph::Auto;
  Checkpoints checkpoint_activations = Checkpoints::Off;
  std::int64_t test_queries = 0;
};

enum class Determinism { Repeat, Strict };
enum class RunPrecision { F32, TF32, BF16, Int16, Int8 };

/// Where a command computes, and how exactly.
struct MachineSpec {
  int threads = 0;
  std::string device = "auto";
  RunPrecision precision = RunPrecision::F32;
  Determinism deterministic = Determinism::Repeat;
  Autotune autotune = Autotune::Off;  // on a CPU
  bool quiet = false;
};

struct RunSpec {
  DataSpec data;
  ViewSpec views;
  StudentSpec model;
  LossSpec loss;
  OptimSpec optim;
  RunPolicy policy;
  MachineSpec machine;
};

}  // namespace fledge
