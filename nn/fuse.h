// Inference form of a model: batch norm folded into convolution weights, bias + residual + activation as epilogue
// (kernel conv.forward_fused). Grad-free by construction.
#pragma once
#include <memory>

#include "nn/models/model.h"

namespace fledge {

class FusedModel {
 public:
  virtual ~FusedModel() = default;
  /// images: N,3,H,W -> N,D: the same embedding as EmbeddingModel::forward in eval mode, up to rounding.
  virtual Tensor embed(const Tensor& images) const = 0;
  virtual Tensor pooled(const Tensor& images) const = 0;
  /// N,classes. Errors (Usage): the model has no classifier.
  virtual Tensor logits(const Tensor& images) const = 0;
};

/// A snapshot: later changes of the model's weights are not seen.
std::unique_ptr<FusedModel> fuse(const EmbeddingModel& model);

}  // namespace fledge
