#include "nn/models/model.h"

#include <algorithm>

#include "autograd/ops/distance.h"
#include "autograd/ops/pool.h"
#include "autograd/recompute.h"
#include "nn/init.h"
#include "nn/layers/conv_norm_act.h"
#include "nn/layers/linear.h"
#include "nn/models/parts.h"
#include "nn/models/registry.h"

namespace fledge {
namespace {

void check_spec(const ModelSpec& spec) {
  const std::vector<std::string> variants = variant_names(spec.arch);
  if (std::find(variants.begin(), variants.end(), spec.variant) == variants.end()) {
    std::string known;
    for (std::size_t i = 0; i < variants.size(); ++i)
      known += (i == 0 ? "" : i + 1 < variants.size() ? ", " : " or ") + variants[i];
    throw Error(ErrorKind::Usage, spec.arch, "has no '" + spec.variant + "' conventions", "use " + known);
  }
  if (!(spec.width > 0 && spec.width <= 8)) {
    throw Error(ErrorKind::Usage, "model", "width " + std::to_string(spec.width) + " is not above 0 and at most 8",
                "1 is the published network");
  }
  if (spec.embedding < 0) {
    throw Error(ErrorKind::Usage, "model", "embedding size " + std::to_string(spec.embedding) + " is negative",
                "0 means no head");
  }
  if (spec.classes < 0) {
    throw Error(ErrorKind::Usage, "model", std::to_string(spec.classes) + " classes are negative",
                "0 means no classifier");
  }
  if (spec.stem != "imagenet" && spec.stem != "small") {
    throw Error(ErrorKind::Usage, "model", "unknown stem '" + spec.stem + "'",
                "use imagenet (224 px) or small (28-96 px)");
  }
}

}  // namespace

EmbeddingModel::EmbeddingModel(const ModelSpec& spec, std::uint64_t seed) : spec_(spec) {
  check_spec(spec);
  Generator g = Generator::of({seed, 0x6d6f64656c});  // "model": other users of the seed draw other numbers
  backbone_ = architecture(spec.arch).make(spec, g);
  if (backbone_->blocks().empty()) throw Error(ErrorKind::Internal, spec.arch, "the network has no blocks");
  add_child("", backbone_);
  if (spec.embedding > 0) head_ = child<Linear>("feat", backbone_->feature_size(), spec.embedding, g, true);
  // Drawn last: the other weights of a seed are the same with and without it.
  if (spec.classes > 0) classifier_ = child<Linear>("fc", backbone_->feature_size(), spec.classes, g);
}

std::shared_ptr<EmbeddingModel> EmbeddingModel::uninitialized(const ModelSpec& spec) {
  const InitGuard no_values(InitMode::Memory);
  return std::make_shared<EmbeddingModel>(spec, 0);
}

std::shared_ptr<EmbeddingModel> EmbeddingModel::shapes_only(const ModelSpec& spec) {
  const InitGuard no_memory(InitMode::Shapes);
  return std::make_shared<EmbeddingModel>(spec, 0);
}

void EmbeddingModel::keep_folded_weights_alone() {
  eval();
  folded_alone_ = parameters().front().value().device() == Device{};
  if (!folded_alone_) return;
  apply([](Module& m) {
    if (const auto* conv = dynamic_cast<const Conv2d*>(&m)) conv->folded().keep_alone();
  });
}

void EmbeddingModel::check_options(const ForwardOptions& options) const {
  if (options.logits && !classifier_) {
    throw Error(ErrorKind::Usage, spec_.arch, "the model has no classifier, so no logits",
                "its description needs 'classes' above 0");
  }
}

ModelOutput EmbeddingModel::forward(const Variable& images, const ForwardOptions& options) const {
  const Dims& dims = images.dims();
  if (dims.rank() != 4 || dims[1] != 3) {
    throw Error(ErrorKind::Usage, spec_.arch, "images are " + to_string(dims) + ", not N,3,H,W",
                "grey pictures are repeated in three channels");
  }
  check_options(options);
  ModelOutput output;
  const RecomputeNorms norms(backbone_->checkpoints() == Checkpoints::Norms);
  if (options.feature_maps)
    output.features = global_avg_pool(backbone_->forward(images, &output.feature_maps));
  else
    output.features = pooled_features(*backbone_, images, parts_of(*backbone_, images));
  return output_of(std::move(output), options);
}

ModelOutput EmbeddingModel::forward(const StoredPictures& pictures, const ForwardOptions& options) const {
  check_pictures(spec_.arch.c_str(), pictures);
  check_options(options);
  ModelOutput output;
  const RecomputeNorms norms(backbone_->checkpoints() == Checkpoints::Norms);
  if (options.feature_maps)
    output.features = global_avg_pool(backbone_->forward(pictures, &output.feature_maps));
  else
    output.features = pooled_features(*backbone_, pictures, parts_of(*backbone_, pictures));
  return output_of(std::move(output), options);
}

/// What stands behind the features.
ModelOutput EmbeddingModel::output_of(ModelOutput output, const ForwardOptions& options) const {
  const Variable raw = head_ && !options.features_only ? head_->forward(output.features) : output.features;
  output.embedding = spec_.normalize || options.features_only ? l2_normalize(raw) : raw;
  if (options.logits) output.logits = classifier_->forward(output.features);
  return output;
}

std::int64_t EmbeddingModel::embedding_size() const { return head_ ? spec_.embedding : backbone_->feature_size(); }

}  // namespace fledge
