// Optimisers with parameter groups. State (moments, step counts) is saved by name and restored exactly.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "kernels/api/optim.h"
#include "nn/module.h"
#include "tensor/ops/optim.h"

namespace fledge {

struct ParameterGroup {
  std::string name;  // "backbone", "head", "proxies"
  std::vector<std::pair<std::string, Variable>> parameters;
  double lr_scale = 1.0;  // times the schedule's rate
  bool weight_decay = true;
};

struct OptimizerOptions {
  std::string kind = "adam";  // sgd, adam, adamw
  double lr = 1e-3;
  double momentum = 0.9;  // sgd
  bool nesterov = false;  // sgd
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  bool legacy_eps = false;  // PyTorch 0.3's placement
  double weight_decay = 0;  // adamw: decoupled
};

class Optimizer {
 public:
  Optimizer(std::vector<ParameterGroup> groups, const OptimizerOptions& options);
  /// One update of every parameter that has a gradient; the rate of a group is lr * lr_scale.
  /// Rejects nothing: check finiteness before.
  void step(double lr);
  void zero_grad();

  // ---- the same update as work for a device: it is enqueued and may be recorded and run again, because all that
  // changes from step to step is read from memory ----

  /// The 3 numbers of the next update at this rate (kernels/api/optim.h, StepScalars::rates): float32, on the CPU.
  Tensor next_rates(double lr) const;
  /// Moments for every parameter that has a gradient now, so that update() allocates none.
  void prepare();
  /// norm: of all gradients (tensor/ops/optim.h). Where it is not finite nothing is changed; with max_norm > 0 larger
  /// gradients are scaled down to it. Counts no step: count_update() does, once for each time it ran.
  void update(const Tensor& rates, const Tensor& norm, double max_norm);
  void count_update();
  /// The norm of all gradients that are there now: 0-d, where the first of them is. Gradients on two devices (a loss
  /// that lives on the host beside a model that does not) are brought together by the host.
  Tensor gradient_norm() const;

  const std::vector<ParameterGroup>& groups() const { return groups_; }
  const OptimizerOptions& options() const { return options_; }

  /// On the CPU. Moments and step counts: "exp_avg.NAME", "exp_avg_sq.NAME", "momentum.NAME", "step.NAME".
  NamedTensors state() const;
  /// Error(BadInput): names or shapes that do not fit, NaN, infinity, a negative second moment.
  void load_state(const NamedTensors& state);

 private:
  struct Slot;
  std::int64_t common_step() const;
  void update_some(const std::vector<StepTensor>& tensors, const Tensor& rates, const Tensor& norm,
                   double max_norm) const;
  std::vector<ParameterGroup> groups_;
  OptimizerOptions options_;
  std::vector<std::vector<std::shared_ptr<Slot>>> slots_;
};

/// The global L2 norm of all gradients; scales them down to max_norm when it is larger (max_norm 0: only measures). NaN
/// or inf is returned as it is.
double clip_grad_norm(const std::vector<ParameterGroup>& groups, double max_norm);

}  // namespace fledge
