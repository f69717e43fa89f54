// oneDNN (kernels/onednn): everything that is dense channels-last.
#include "kernels/onednn/conv.h"

#include "kernels/cpu/conv/implementation.h"

namespace fledge::cpu {
namespace {

const char* refuses(const ConvCall& c) {
  if (!is_channels_last(c.x) || !is_channels_last(c.y)) return "activations are not channels-last";
  if (!is_channels_last(c.w)) return "weights are not channels-last";
  if (c.epilogue.residual && !is_channels_last(*c.epilogue.residual)) return "residual is not channels-last";
  if (c.y.numel() == 0) return "nothing to compute";
  return nullptr;
}

void run(ExecContext& ctx, const ConvCall& c) {
  switch (c.direction) {
    case ConvDirection::Forward:
      return onednn::conv2d_forward_fused(ctx, c.x, c.w, c.epilogue, c.y, c.params);
    case ConvDirection::GradInput:
      return onednn::conv2d_grad_input(ctx, c.y, c.w, c.x, c.params);
    case ConvDirection::GradWeight:
      return onednn::conv2d_grad_weight(ctx, c.y, c.x, c.w, c.params);
  }
}

}  // namespace

const ConvImplementation kOneDnn{.name = "onednn", .refuses = &refuses, .run = &run};

}  // namespace fledge::cpu
