// Gradient check by central differences in float64 against a random cotangent.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "autograd/variable.h"

namespace fledge {

struct GradcheckOptions {
  double step = 1e-6;         // relative to max(1, |x|)
  double tolerance = 1e-6;    // relative error |analytic - numeric| / max(1, |analytic|, |numeric|)
  int max_coordinates = 200;  // larger inputs are sampled
  std::uint64_t seed = 1;
};

struct GradcheckResult {
  bool ok = true;
  double worst = 0;     // largest relative error
  std::string message;  // input, index, both values of the worst coordinate
};

/// f: leaves (float64, requires_grad) -> one output of any dims. All leaves are checked.
GradcheckResult gradcheck(const std::function<Variable(const std::vector<Variable>&)>& f,
                          const std::vector<Tensor>& inputs, const GradcheckOptions& options = {});

}  // namespace fledge
