#include "nn/optim/composed.h"

#include <limits>

#include "tensor/creation.h"
#include "tensor/ops/eltwise.h"

namespace fledge {

Tensor clipped(const Tensor& grad, const StepNumbers& numbers) {
  if (!(numbers.max_norm > 0)) return grad;
  const Tensor most = full({}, numbers.max_norm, grad.dtype(), Layout::Contiguous, grad.device());
  const Tensor norm = clamp(numbers.norm.to(grad.dtype()), numbers.max_norm, std::numeric_limits<double>::infinity());
  return mul(grad, div(most, norm));
}

void move_against(const std::vector<StepTensor>& directions, const StepNumbers& numbers, int rate) {
  sgd_step(directions, {.momentum = 0}, {numbers.rates.slice(0, rate, 1), numbers.norm});
}

}  // namespace fledge
