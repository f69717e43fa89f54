// Inference form of a model: batch norm folded into convolution weights, bias + residual + activation as epilogue
// (kernel conv.forward_fused). Grad-free by construction.
#pragma once
#include <memory>

#include "nn/models/model.h"

namespace fledge {

class FusedModel {
 public:
  virtual ~FusedModel() = default;
  /// images: N,3,H,W, on any device -> N,D: the same embedding as EmbeddingModel::forward in eval mode, up to rounding,
  /// on the device of this model. They are converted to its dtype; what comes out is float32 for bfloat16.
  virtual Tensor embed(const Tensor& images) const = 0;
  virtual Tensor pooled(const Tensor& images) const = 0;
  /// N,classes. Errors (Usage): the model has no classifier.
  virtual Tensor logits(const Tensor& images) const = 0;
};

/// A snapshot: later changes of the model's weights are not seen. It runs where the model is, in its weights' dtype.
std::unique_ptr<FusedModel> fuse(const EmbeddingModel& model);
/// The same on a device, with convolutions and their activations in `dtype`. Head and classifier multiply in float32
/// where that is bfloat16.
std::unique_ptr<FusedModel> fuse(const EmbeddingModel& model, Device device, DType dtype);

}  // namespace fledge
