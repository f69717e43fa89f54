// Model files: safetensors whose metadata say how to build the network again and how to prepare its pictures.
#pragma once
#include <memory>
#include <string>

#include "data/transforms.h"
#include "nn/models/model.h"

namespace fledge {

/// How pictures are prepared for a model.
struct Preprocessing {
  std::string normalize = "imagenet";
  int size = 224;
  int resize_short = 256;  // of test pictures; 0: none
};

struct LoadedModel {
  std::shared_ptr<EmbeddingModel> model;  // eval mode, frozen
  Preprocessing preprocessing;
  std::string source;  // the file it came from
};

/// `path`: a model file, a checkpoint folder, or a run folder (its newest sound checkpoint).
/// Errors (BadInput): missing, no fledge model, weights that do not fit.
LoadedModel load_model(const std::string& path);

/// Backbone weights from any safetensors file with known names; a classifier in it is left out, a missing head stays as
/// it is. Returns one line about what was loaded.
std::string load_backbone_weights(EmbeddingModel& model, const std::string& path);

std::map<std::string, std::string> model_metadata(const EmbeddingModel& model, const Preprocessing& preprocessing);

/// "auto" -> the normalisation of the model's conventions.
std::string resolve_normalize(const std::string& name, const ModelSpec& spec);

}  // namespace fledge
