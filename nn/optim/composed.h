// What optimisers without a kernel of their own are made of, beside the tensor ops: they run on every device, in
// recorded steps too, and change nothing where the gradients' norm is not finite.
#pragma once
#include <vector>

#include "tensor/ops/optim.h"

namespace fledge {

/// grad * min(1, max_norm / norm), as the kernels scale it; grad itself where nothing is to be clipped.
Tensor clipped(const Tensor& grad, const StepNumbers& numbers);

/// w -= rates[rate] * lr_scale * (direction + weight_decay * w) in every tensor, its `grad` being the direction: the
/// one way to change weights and moments. A moment m becomes m + c * (x - m) with the direction m - x and the rate c.
void move_against(const std::vector<StepTensor>& directions, const StepNumbers& numbers, int rate = 0);

}  // namespace fledge
