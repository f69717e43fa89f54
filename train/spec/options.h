// The rows of settings that several verbs share, and those of a training run.
#pragma once
#include <string>

#include "data/loader.h"
#include "nn/losses/loss.h"
#include "nn/models/model.h"
#include "nn/optim/optimizer.h"
#include "nn/optim/schedule.h"
#include "train/model/external_model.h"
#include "train/spec/field.h"
#include "train/spec/run_spec.h"

namespace fledge {

/// Whether pictures are cut to their boxes; Model: as the model was trained.
enum class BoxChoice { Model, On, Off };

/// Which pictures, for evaluation and embedding.
struct EvalDataOptions {
  std::string data, classes;
  std::int64_t batch_size = 64;
  int size = 0;           // 0: what the model was trained with
  int resize_short = -1;  // -1: what the model was trained with
  std::string normalize;  // empty: what the model was trained with
  std::string degrade;    // empty: what the model was trained with; "none", or as parse_degradation() takes it
  BoxChoice box = BoxChoice::Model;
  OnBadImage on_bad_image = OnBadImage::Fail;
  int workers = 1;
  PictureSpec pictures;
};

/// --exif-rotate, --max-image-pixels, --max-image-side, --max-image-mb.
void bind_pictures(Fields& fields, PictureSpec& o);
/// Applies them to the process; to be called before data sets are opened.
void apply(const PictureSpec& o);

void bind_machine(Fields& fields, MachineSpec& o);
void bind_eval_data(Fields& fields, EvalDataOptions& o);
void bind_model(Fields& fields, ModelSpec& spec, std::string& weights);
/// All groups of a training run; `teacher`: with the distillation group.
void bind_training(Fields& fields, RunSpec& o, bool teacher);

/// "1,2,4,8" -> numbers >= 1. Throws Error(Usage) naming the flag.
std::vector<std::int64_t> parse_counts(const std::string& text, const std::string& flag);

/// "0,1,2" -> seeds, each once. Throws Error(Usage).
std::vector<std::uint64_t> parse_seeds(const std::string& text);

}  // namespace fledge
