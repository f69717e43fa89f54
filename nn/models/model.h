// EmbeddingModel: a backbone with the paper's embedding head (global average pool -> Linear -> L2 normalise), and the
// registry of backbones.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "kernels/api/conv.h"
#include "nn/module.h"
#include "tensor/random.h"

namespace fledge {

class Linear;

struct Features {
  Variable embedding;            // N,D, rows of unit length (when normalised)
  Variable pooled;               // N,F: after global average pooling
  Variable logits;               // N,classes: of the classifier "fc"; only when asked for
  std::vector<Variable> stages;  // N,C,H,W stage maps, shallow to deep; filled only when asked for
};

struct ForwardOptions {
  bool stages = false;       // keep the stage maps (hints, attention)
  bool pooled_only = false;  // no head: embedding = L2-normalised pooled features
  bool logits = false;       // the classifier's too. Errors (Usage): the model has none
};

/// Everything needed to build a model again; stored in checkpoints.
struct ModelSpec {
  std::string arch = "resnet18";  // resnet18|34|50|101|152, mobilenet_v1
  double width = 1.0;  // MobileNet's width multiplier (0.25, 0.5, 0.75, 1.0); ResNets scale their base width of 64
  std::int64_t embedding = 512;   // 0: no head (the embedding is the pooled features)
  std::int64_t classes = 0;       // of a classifier "fc" on the pooled features, beside the head; 0: none
  std::string stem = "imagenet";  // "imagenet" (224 px) or "small" (28-96 px: first convolution stride 1, no max pool)
  // What weights do not show. MobileNet: "torch" (padding 1, eps 1e-5, ReLU), "torch-relu6" (the same with ReLU6:
  // timm's), or "keras" (bottom/right padding, eps 1e-3, ReLU6). ResNet-50/101/152: "torch" (a block strides in its 3x3
  // convolution) or "stride-1x1" (in its first 1x1: He et al. 2016, Caffe). ResNet-18/34: "torch"
  std::string conventions = "torch";
  bool normalize = true;  // L2-normalise the embedding

  std::map<std::string, std::string> to_map() const;
  static ModelSpec from_map(const std::map<std::string, std::string>& values);  // unknown or malformed: Error(BadInput)
  std::string describe() const;  // "mobilenet_v1 width 0.25, embedding 512, stem imagenet"
};

class Backbone : public Module {
 public:
  /// x: N,3,H,W -> the last stage map; stage maps are appended to `stages` when it is not null.
  virtual Variable forward(const Variable& x, std::vector<Variable>* stages) const = 0;
  virtual std::int64_t feature_size() const = 0;
  virtual std::vector<std::int64_t> stage_channels() const = 0;
  /// Of all activations inside.
  virtual Activation activation() const { return Activation::ReLU; }
};

class EmbeddingModel : public Module {
 public:
  /// Random initial values from `seed`. Errors (Usage): unknown arch (with a
  /// suggestion), width or stem it does not have.
  EmbeddingModel(const ModelSpec& spec, std::uint64_t seed);
  /// The same network with weights allocated but not written (nothing drawn,
  /// large ones not touched): for a file to fill.
  static std::shared_ptr<EmbeddingModel> uninitialised(const ModelSpec& spec);
  /// The same network to be listed, not run: its weights have shapes and no memory.
  static std::shared_ptr<EmbeddingModel> shapes_only(const ModelSpec& spec);
  /// images: N,3,H,W on the weights' device, of their dtype or, with float32 weights, bfloat16: then the trunk and its
  /// stage maps are bfloat16, and pooled features, head, embedding and logits float32.
  Features forward(const Variable& images, const ForwardOptions& options = {}) const;
  const ModelSpec& spec() const { return spec_; }
  const Backbone& backbone() const { return *backbone_; }
  const Linear* head() const { return head_.get(); }              // null when spec().embedding is 0
  const Linear* classifier() const { return classifier_.get(); }  // null when spec().classes is 0
  /// Sizes: of the embedding, and of what forward() puts into Features::embedding.
  std::int64_t embedding_size() const;
  /// Channels of the stage maps, shallow to deep.
  std::vector<std::int64_t> stage_channels() const { return backbone_->stage_channels(); }

 private:
  ModelSpec spec_;
  std::shared_ptr<Backbone> backbone_;  // registered without a prefix: its names are torchvision's
  std::shared_ptr<Linear> head_;        // "feat"
  std::shared_ptr<Linear> classifier_;  // "fc": part of the weights, not of the embedding
};

/// The conventions that `arch` has, "torch" first. Errors (Usage): an unknown one.
std::vector<std::string> conventions_of(const std::string& arch);

/// arch names, for messages and --help.
std::vector<std::string> model_names();
using BackboneFactory = std::function<std::shared_ptr<Backbone>(const ModelSpec&, Generator&)>;
const std::map<std::string, BackboneFactory>& backbone_registry();

}  // namespace fledge
