// EmbeddingModel: a backbone with the paper's embedding head (global average pool -> Linear -> L2 normalise).
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "nn/models/backbone.h"
#include "tensor/random.h"

namespace fledge {

class Linear;

struct ModelOutput {
  Variable embedding;                  // N,D, rows of unit length (when normalised)
  Variable features;                   // N,F: after global average pooling
  Variable logits;                     // N,classes: of the classifier "fc"; only when asked for
  std::vector<Variable> feature_maps;  // N,C,H,W after each stage, shallow to deep; filled only when asked for
};

struct ForwardOptions {
  bool feature_maps = false;   // keep them (hints, attention)
  bool features_only = false;  // no head: embedding = L2-normalised features
  bool logits = false;         // the classifier's too. Errors (Usage): the model has none
};

/// Everything needed to build a model again; stored in checkpoints.
struct ModelSpec {
  std::string arch = "resnet18";  // one that nn/models/registry.h knows
  double width = 1.0;  // MobileNet's width multiplier (0.25, 0.5, 0.75, 1.0); ResNets scale their base width of 64
  std::int64_t embedding = 512;   // 0: no head (the embedding is the pooled features)
  std::int64_t classes = 0;       // of a classifier "fc" on the pooled features, beside the head; 0: none
  std::string stem = "imagenet";  // "imagenet" (224 px) or "small" (28-96 px: first convolution stride 1, no max pool)
  std::string variant = "torch";  // what weights do not show: a variant that the architecture has
  bool normalize = true;          // L2-normalise the embedding

  std::map<std::string, std::string> to_map() const;
  static ModelSpec from_map(const std::map<std::string, std::string>& values);  // unknown or malformed: Error(BadInput)
  std::string describe() const;  // "mobilenet_v1 width 0.25, embedding 512, stem imagenet"
};

class EmbeddingModel : public Module {
 public:
  /// Random initial values from `seed`. Errors (Usage): unknown arch (with a suggestion), width, stem or variant it
  /// does not have.
  EmbeddingModel(const ModelSpec& spec, std::uint64_t seed);
  /// The same network with weights allocated but not written (nothing drawn,
  /// large ones not touched): for a file to fill.
  static std::shared_ptr<EmbeddingModel> uninitialized(const ModelSpec& spec);
  /// The same network to be listed, not run: its weights have shapes and no memory.
  static std::shared_ptr<EmbeddingModel> shapes_only(const ModelSpec& spec);
  /// images: N,3,H,W on the weights' device, of their dtype or, with float32 weights, bfloat16: then the backbone and
  /// its stage maps are bfloat16, and pooled features, head, embedding and logits float32.
  ModelOutput forward(const Variable& images, const ForwardOptions& options = {}) const;
  /// Of pictures that are still bytes (N,H,W,3), on the weights' device: what it gives for the normalized ones, to the
  /// bit. In evaluation without a graph the first layer may read them as they are.
  ModelOutput forward(const StoredPictures& pictures, const ForwardOptions& options = {}) const;
  /// For a network that is only run from now on, by one thread, without a graph: it goes to evaluation, and on the CPU
  /// its convolutions keep their weights once, with the batch norms folded in. Whatever else would read the plain ones
  /// finds NaN or throws.
  void keep_folded_weights_alone();
  bool keeps_folded_weights_alone() const { return folded_alone_; }
  const ModelSpec& spec() const { return spec_; }
  const Backbone& backbone() const { return *backbone_; }
  void checkpoint_activations(Checkpoints which) { backbone_->checkpoint_activations(which); }
  const Linear* head() const { return head_.get(); }              // null when spec().embedding is 0
  const Linear* classifier() const { return classifier_.get(); }  // null when spec().classes is 0
  /// Sizes: of the embedding, and of what forward() puts into ModelOutput::embedding.
  std::int64_t embedding_size() const;
  /// Channels of the stage maps, shallow to deep.
  std::vector<std::int64_t> feature_map_channels() const { return backbone_->feature_map_channels(); }

 private:
  void check_options(const ForwardOptions& options) const;
  ModelOutput output_of(ModelOutput features, const ForwardOptions& options) const;

  ModelSpec spec_;
  bool folded_alone_ = false;
  std::shared_ptr<Backbone> backbone_;  // registered without a prefix: its names are torchvision's
  std::shared_ptr<Linear> head_;        // "feat"
  std::shared_ptr<Linear> classifier_;  // "fc": part of the weights, not of the embedding
};

}  // namespace fledge
