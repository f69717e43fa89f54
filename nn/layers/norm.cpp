#include "nn/layers/norm.h"

#include "autograd/ops/norm.h"
#include "autograd/recompute.h"
#include "nn/init.h"

namespace fledge {

BatchNorm2d::BatchNorm2d(std::int64_t channels, double eps, double momentum) : eps_(eps), momentum_(momentum) {
  weight_ = &parameter("weight", constant({channels}, 1));
  bias_ = &parameter("bias", constant({channels}, 0));
  running_mean_ = &buffer("running_mean", constant({channels}, 0));
  running_var_ = &buffer("running_var", constant({channels}, 1));
  batches_ = &buffer("num_batches_tracked", constant({}, 0, DType::Int64));
}

void BatchNorm2d::count_batch() const { batches_->fill(batches_->item() + 1); }

void BatchNorm2d::count_replayed_step() {
  if (uses_batch_statistics()) count_batch();
}

Variable BatchNorm2d::forward(const Variable& x, Activation activation, const Variable& residual,
                              const Tensor& moments) const {
  const BatchNormParams params = params_with(activation);
  const bool batch_statistics = uses_batch_statistics();
  if (batch_statistics && recomputing())  // the batch has been counted
    return batch_norm(x, *weight_, *bias_, residual, {}, {}, true, params, moments);
  if (batch_statistics) count_batch();
  return batch_norm(x, *weight_, *bias_, residual, *running_mean_, *running_var_, batch_statistics, params,
                    batch_statistics ? moments : Tensor());
}

Variable BatchNorm2d::forward_pointwise(const Variable& x, Activation activation, const Tensor& moments,
                                        const Variable& w, Tensor* y_moments) const {
  const bool again = recomputing();  // the batch has been counted
  if (!again) count_batch();
  return batch_norm_pointwise(x, *weight_, *bias_, again ? Tensor() : *running_mean_, again ? Tensor() : *running_var_,
                              moments, w, params_with(activation), y_moments);
}

BatchNormParams BatchNorm2d::params_with(Activation activation) const {
  return {.eps = eps_, .momentum = momentum_, .activation = activation};
}

}  // namespace fledge
