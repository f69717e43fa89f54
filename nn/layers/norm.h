// BatchNorm2d with optional residual add and activation fused (kernels/api/norm.h). Parameters weight, bias: C; buffers
// running_mean, running_var: C, num_batches_tracked: scalar int64, always on the CPU.
#pragma once
#include "kernels/api/norm.h"
#include "nn/module.h"

namespace fledge {

class BatchNorm2d : public Module {
 public:
  explicit BatchNorm2d(std::int64_t channels, double eps = 1e-5, double momentum = 0.1);
  /// residual may be undefined. Statistics: the batch's when training and not frozen, else the running ones. moments:
  /// of x, where the convolution before has gathered them.
  Variable forward(const Variable& x, Activation activation = Activation::None, const Variable& residual = {},
                   const Tensor& moments = {}) const;
  /// conv2d(forward(x, activation, {}, moments), w) of one tap, as one operation that needs less memory; y_moments:
  /// autograd/ops/norm.h. With the batch's statistics, where has_batch_norm_pointwise(x) (tensor/ops/norm.h).
  Variable forward_pointwise(const Variable& x, Activation activation, const Tensor& moments, const Variable& w,
                             Tensor* y_moments) const;
  bool uses_batch_statistics() const { return is_training() && !frozen_; }
  /// Counts a batch, as forward() does with the batch's statistics.
  void count_replayed_step() override;
  /// Keeps using running statistics while training.
  void freeze_statistics(bool on) { frozen_ = on; }

  const Variable& weight() const { return *weight_; }
  const Variable& bias() const { return *bias_; }
  const Tensor& running_mean() const { return *running_mean_; }
  const Tensor& running_var() const { return *running_var_; }
  double eps() const { return eps_; }

 private:
  void count_batch() const;
  BatchNormParams params_with(Activation activation) const;

  double eps_, momentum_;
  bool frozen_ = false;
  Variable* weight_ = nullptr;
  Variable* bias_ = nullptr;
  Tensor* running_mean_ = nullptr;
  Tensor* running_var_ = nullptr;
  Tensor* batches_ = nullptr;
};

}  // namespace fledge
