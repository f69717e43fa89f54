// Plans for the three directions of a convolution. Activations are channels-last and never blocked; the weights' format
// is the implementation's own choice ("any").
#pragma once
#include "kernels/onednn/build.h"

namespace fledge::onednn {

// Operand indices of Plan::main.
namespace forward_operand {
enum { x, w, y, scratch, first_optional };
}  // namespace forward_operand
namespace grad_input_operand {
enum { dy, w, dx, scratch };
}
namespace grad_weight_operand {
enum { dy, x, dw, scratch };
}

PlanList conv_forward_plans(const ConvKey& key);
PlanList conv_grad_input_plans(const ConvKey& key);
PlanList conv_grad_weight_plans(const ConvKey& key);

}  // namespace fledge::onednn
