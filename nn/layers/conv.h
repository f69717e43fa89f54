// Conv2d layer. Parameters: weight K,C/groups,R,S (channels-last), bias K (optional).
#pragma once
#include "kernels/api/conv.h"
#include "nn/module.h"
#include "tensor/random.h"

namespace fledge {

class FoldedConv;

struct Conv2dOptions {
  std::int64_t in_channels = 0, out_channels = 0;
  int kernel = 3;
  Conv2dParams params;  // stride, four-sided padding, groups
  bool bias = false;
};
/// Same padding on all sides.
Conv2dOptions conv_options(std::int64_t in, std::int64_t out, int kernel, int stride, int padding, int groups = 1);

class Conv2d : public Module {
 public:
  /// Kaiming normal, fan out (torchvision's ResNet).
  Conv2d(const Conv2dOptions& options, Generator& g);
  /// moments: autograd/ops/conv.h.
  Variable forward(const Variable& x, Tensor* moments = nullptr) const;
  const Conv2dOptions& options() const { return options_; }
  Variable& weight() { return *weight_; }
  const Variable& weight() const { return *weight_; }
  const Variable& bias() const { return bias_ ? *bias_ : none_; }
  /// What conv_norm_act keeps for inference.
  FoldedConv& folded() const { return *folded_; }

 protected:
  void drop_inference_copies() override;

 private:
  Conv2dOptions options_;
  Variable* weight_ = nullptr;
  Variable* bias_ = nullptr;
  Variable none_;
  const std::shared_ptr<FoldedConv> folded_;
};

}  // namespace fledge
