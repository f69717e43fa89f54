// Adam (Kingma and Ba 2015), and AdamW, which is Adam with decoupled weight decay (Loshchilov and Hutter 2019).
#include <cmath>

#include "nn/optim/registry.h"

namespace fledge {
namespace {

class Adam : public Optimizer {
 public:
  Adam(const std::vector<ParameterGroup>& groups, const OptimizerOptions& options, bool decoupled)
      : Optimizer(groups, options, {{"exp_avg"}, {"exp_avg_sq", 0, Sound::FiniteNotNegative}}),
        params_{.beta1 = options.beta1,
                .beta2 = options.beta2,
                .eps = options.eps,
                .decoupled = decoupled,
                .legacy_eps = options.legacy_eps} {}

 private:
  std::vector<double> rates(double lr, std::int64_t t) const override {
    const auto steps = static_cast<double>(t);
    return {lr, 1 - std::pow(params_.beta1, steps), std::sqrt(1 - std::pow(params_.beta2, steps))};
  }
  void make_step(const std::vector<StepTensor>& tensors, const StepNumbers& numbers) const override {
    adam_step(tensors, params_, numbers);
  }

  AdamParams params_;
};

}  // namespace

std::unique_ptr<Optimizer> make_adam(const std::vector<ParameterGroup>& groups, const OptimizerOptions& options) {
  return std::make_unique<Adam>(groups, options, false);
}

std::unique_ptr<Optimizer> make_adamw(const std::vector<ParameterGroup>& groups, const OptimizerOptions& options) {
  return std::make_unique<Adam>(groups, options, true);
}

}  // namespace fledge
