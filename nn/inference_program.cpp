#include "nn/inference_program.h"

#include <algorithm>

#include "tensor/creation.h"
#include "tensor/ops/conv.h"
#include "tensor/ops/eltwise.h"
#include "tensor/ops/pool.h"

namespace fledge {

InferenceProgram::Value InferenceProgram::conv(Value x, const Conv2d& conv, const BatchNorm2d& bn,
                                               Activation activation, Value residual) {
  const auto wide = [](const Tensor& t) { return t.to(Device{}).to(DType::Float64); };
  const Tensor weight = conv.weight().value();
  const Tensor scale = div(wide(bn.weight().value()), sqrt(affine(wide(bn.running_var()), 1, bn.eps())));
  Tensor shift = affine(wide(bn.running_mean()), -1, 0);
  if (conv.bias().defined()) shift = add(shift, wide(conv.bias().value()));
  const Tensor bias = add(mul(shift, scale), wide(bn.bias().value()));
  const Tensor folded = mul(wide(weight), scale.reshape({scale.dim(0), 1, 1, 1}));

  Step step;
  step.x = x;
  step.residual = residual;
  step.weight = folded.to(weight.dtype()).contiguous(Layout::ChannelsLast);
  step.bias = bias.to(weight.dtype());
  step.activation = activation;
  step.conv = conv.options().params;
  return append(std::move(step));
}

InferenceProgram::Value InferenceProgram::max_pool(Value x, const Pool2dParams& params) {
  Step step;
  step.x = x;
  step.pool = params;
  return append(std::move(step));
}

void InferenceProgram::to(Device device, DType dtype) {
  for (Step& s : steps_) {
    if (!s.weight.defined()) continue;
    s.weight = s.weight.to(dtype).to(device);
    s.bias = s.bias.to(accumulated(dtype)).to(device);
  }
}

InferenceProgram::Value InferenceProgram::check(Value v) const {
  if (v < kInput || v > last()) {
    throw Error(ErrorKind::Internal, "InferenceProgram",
                "value " + std::to_string(v) + " is not among 0 ... " + std::to_string(last()));
  }
  return v;
}

InferenceProgram::Value InferenceProgram::append(Step step) {
  // This step is now the last reader of its operands: take that role from whichever step had it.
  for (Value v : {check(step.x), step.residual == kNone ? step.x : check(step.residual)}) {
    for (Step& earlier : steps_) std::erase(earlier.done, v);
    if (std::find(step.done.begin(), step.done.end(), v) == step.done.end()) step.done.push_back(v);
  }
  steps_.push_back(std::move(step));
  return last();
}

Tensor InferenceProgram::run(const Tensor& x) const {
  std::vector<Tensor> values(steps_.size() + 1);
  values[kInput] = x;
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const Step& s = steps_[i];
    const Tensor& in = values[s.x];
    if (s.weight.defined()) {
      const Tensor residual = s.residual == kNone ? Tensor() : values[s.residual];
      values[i + 1] = conv2d_fused(in, s.weight, s.bias, residual, s.activation, s.conv);
    } else {
      values[i + 1] = max_pool2d(in, s.pool, false).y;
    }
    for (Value v : s.done) values[v] = Tensor();
  }
  return values.back();
}

}  // namespace fledge
