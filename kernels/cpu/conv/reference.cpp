// The plain loops of kernels/ref: any strides, any problem.
#include "kernels/cpu/conv/implementation.h"
#include "kernels/cpu/overlays.h"

namespace fledge::cpu {
namespace {

void run(ExecContext& ctx, const ConvCall& c) {
  const ConvKernels& conv = reference().conv;
  switch (c.direction) {
    case ConvDirection::Forward:
      return conv.forward_fused(ctx, c.x, c.w, c.epilogue, c.y, c.params);
    case ConvDirection::GradInput:
      return conv.grad_input(ctx, c.y, c.w, c.x, c.params);
    case ConvDirection::GradWeight:
      return conv.grad_weight(ctx, c.y, c.x, c.w, c.params);
  }
}

}  // namespace

const ConvImplementation kReference{
    .name = "ref", .refuses = [](const ConvCall&) -> const char* { return nullptr; }, .run = &run};

}  // namespace fledge::cpu
