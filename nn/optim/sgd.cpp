// Stochastic gradient descent, plain, with momentum, or with Nesterov's (Sutskever et al. 2013), as in PyTorch.
#include "nn/optim/registry.h"

namespace fledge {
namespace {

std::vector<Moment> buffer_of(const OptimizerOptions& options) {
  if (!(options.momentum > 0)) return {};
  return {{"momentum", -0.0}};  // the first step leaves the gradient in it, to the bit
}

class Sgd : public Optimizer {
 public:
  Sgd(const std::vector<ParameterGroup>& groups, const OptimizerOptions& options)
      : Optimizer(groups, options, buffer_of(options)) {}

 private:
  std::vector<double> rates(double lr, std::int64_t) const override { return {lr}; }
  void make_step(const std::vector<StepTensor>& tensors, const StepNumbers& numbers) const override {
    sgd_step(tensors, {.momentum = options().momentum, .nesterov = options().nesterov}, numbers);
  }
};

}  // namespace

std::unique_ptr<Optimizer> make_sgd(const std::vector<ParameterGroup>& groups, const OptimizerOptions& options) {
  return std::make_unique<Sgd>(groups, options);
}

}  // namespace fledge
