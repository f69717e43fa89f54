// What gradients do to weights. Optimizer keeps parameters, their moments and their counts; what a step computes is in
// one file for each optimiser (sgd.cpp, adam.cpp), by whose name a run asks for it (registry.h).
#pragma once
#include <string>
#include <vector>

#include "nn/module.h"
#include "tensor/finite.h"
#include "tensor/ops/optim.h"

namespace fledge {

/// Throws Error(Usage) in the name of optimizers unless `holds`.
void check_optimizer(bool holds, const std::string& problem, const std::string& hint);

struct ParameterGroup {
  std::string name;  // "backbone", "head", "proxies"
  std::vector<std::pair<std::string, Variable>> parameters;
  double lr_scale = 1.0;  // times the schedule's rate
  bool weight_decay = true;
};

struct OptimizerOptions {
  std::string kind = "adam";  // a name of optimizer_registry()
  double lr = 1e-3;
  double momentum = 0.9;
  bool nesterov = false;
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  bool legacy_eps = false;  // PyTorch 0.3's placement
  double weight_decay = 0;
};

/// What is remembered of every parameter between steps, in a tensor like it.
struct Moment {
  std::string name;    // in files: "exp_avg"
  double initial = 0;  // its value before the first step
  Sound sound = Sound::Finite;
};

class Optimizer {
 public:
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  void zero_grad();
  /// The L2 norm of all gradients that are there now: 0-d float64, where the first of them is. Gradients on two devices
  /// (a loss that lives on the host beside a model that does not) are brought together by the host. NaN or inf, in the
  /// gradients or in `also`, a tensor of the first one's kind, is seen in it.
  Tensor gradient_norm(const Tensor& also = {}) const;

  /// One update of every parameter that has a gradient; the rate of a group is lr * lr_scale. With the gradients' norm:
  /// nothing is changed where it is not finite, and with max_norm > 0 larger gradients are scaled down to it.
  void step(double lr, const Tensor& norm = {}, double max_norm = 0);

  // ---- the same in its parts, as work for a device: update() may be recorded and run again, because all that changes
  // from step to step is read from memory ----

  /// What `rates` of the next update are at this rate: float64, on the CPU. Error(Usage): some parameters have had more
  /// updates than others.
  Tensor next_rates(double lr) const;
  /// Counts no step: count_update() does, once for each time it ran. Its first run makes the moments.
  void update(const StepNumbers& numbers);
  void count_update();

  /// On the CPU. Moments and counts: "exp_avg.NAME", "exp_avg_sq.NAME", "momentum.NAME", "step.NAME".
  NamedTensors state() const;
  /// Error(BadInput): names or shapes that do not fit, NaN, infinity, a negative second moment.
  void load_state(const NamedTensors& state);

 protected:
  /// Error(Usage): a parameter that is undefined, without a name of its own, or there twice.
  Optimizer(const std::vector<ParameterGroup>& groups, const OptimizerOptions& options, std::vector<Moment> moments);
  const OptimizerOptions& options() const { return options_; }

 private:
  /// The numbers of step t = 1, 2, ... that `make_step` reads; the first is lr.
  virtual std::vector<double> rates(double lr, std::int64_t t) const = 0;
  /// One step of these parameters, which are on one device. Nothing may be changed where the norm is not finite, and
  /// nothing read by the host.
  virtual void make_step(const std::vector<StepTensor>& tensors, const StepNumbers& numbers) const = 0;

  struct Entry {
    std::string name;
    Variable parameter;
    double lr_scale, weight_decay;
    std::vector<Tensor> moments;  // none before the first update
    std::int64_t step = 0;        // updates done

    // As in PyTorch, a parameter without a gradient is left alone: no decay, no moments, no step counted.
    bool takes_part() const { return parameter.grad().defined(); }
  };
  void update(const std::vector<Entry*>& entries, const StepNumbers& numbers) const;

  OptimizerOptions options_;
  std::vector<Moment> moments_;
  std::vector<Entry> entries_;
};

}  // namespace fledge
