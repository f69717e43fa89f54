// Model files: safetensors whose metadata say how to build the network again and how to prepare its pictures. Weight
// files from elsewhere become the same in memory.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "data/views/transforms.h"
#include "nn/models/model.h"
#include "train/model/external_model.h"

namespace fledge {

/// How pictures are prepared for a model.
struct Preprocessing {
  std::string normalize = "imagenet";
  int size = 224;
  int resize_short = 256;  // of test pictures; 0: none
  std::string degrade;     // what poor pictures it was trained for (data/views/degradation.h); "": good ones
  bool box = false;        // pictures are cut to their bounding boxes, where the data set has them
};

/// What to say where the crop leaves most of each picture out (a --size without its --resize-short), else "".
std::string small_crop(const Preprocessing& preprocessing);

struct LoadedModel {
  std::shared_ptr<EmbeddingModel> model;  // eval mode, frozen
  Preprocessing preprocessing;
  std::string source;              // the file it came from
  std::vector<std::string> notes;  // of weights from elsewhere: how they were understood
};

/// The weight file that `path` means: itself, or that of a checkpoint folder or of a run's result (its chosen, else its
/// newest sound checkpoint). Errors (BadInput): missing, no sound checkpoint.
std::string weight_file_of(const std::string& path);

/// `path`: a model file, a checkpoint folder, a run folder (its result), or a weight file from
/// elsewhere: PyTorch's of any age, or safetensors. `external` counts for the last only.
/// Errors (BadInput): missing, no known network, weights that do not fit.
LoadedModel load_model(const std::string& path, const ExternalOptions& external = {});

/// Backbone weights from any weight file whose names are known; a classifier in it is left out, a missing head stays as
/// it is. Returns one line about what was loaded. Errors (BadInput): another network than `model`.
/// `external`: its map and choice of averaged weights count.
std::string load_backbone_weights(EmbeddingModel& model, const std::string& path, const ExternalOptions& external = {});

/// What a model file says besides its tensors.
std::map<std::string, std::string> model_metadata(const ModelSpec& spec, const Preprocessing& preprocessing);
/// Is it a file whose metadata name a fledge model?
bool is_model_file(const WeightFile& file);
/// The model that such metadata describe. Errors (BadInput): keys that are missing or damaged.
ModelSpec spec_of(const WeightFile& file, Preprocessing& preprocessing);

/// Error(Usage): flags that say how weights from elsewhere are to be read, and say nothing of a model of our own, or
/// contradict its metadata.
void refuse_external_flags(const std::string& path, const ExternalOptions& options, const ModelSpec& own);

/// How pictures are prepared for weights from elsewhere, as far as their network tells.
Preprocessing preprocessing_of(const ModelSpec& spec);
/// ... or as a config.json beside them says.
Preprocessing preprocessing_of(const ExternalModel& external);

/// "auto" -> the normalisation of the model's variant.
std::string resolve_normalize(const std::string& name, const ModelSpec& spec);

}  // namespace fledge
