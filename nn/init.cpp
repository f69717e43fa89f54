#include "nn/init.h"

#include <cmath>

#include "tensor/creation.h"

namespace fledge {
namespace {

thread_local InitMode current_mode = InitMode::Values;

Tensor shape_only(const Dims& dims, DType dtype) { return zeros({}, dtype).expand(dims); }

Layout weight_layout(const Dims& dims) { return dims.rank() == 4 ? Layout::ChannelsLast : Layout::Contiguous; }

/// Products of a weight K,C/g,R,S or K,C: inputs that reach one output, outputs that
/// one input reaches (times the filter's area).
std::int64_t fan(const Dims& dims, FanMode mode) {
  if (dims.rank() != 2 && dims.rank() != 4) {
    throw Error(ErrorKind::Usage, "kaiming_normal", "a weight has 2 or 4 axes, not " + to_string(dims));
  }
  const std::int64_t area = dims.rank() == 4 ? dims[2] * dims[3] : 1;
  return (mode == FanMode::In ? dims[1] : dims[0]) * area;
}

/// The weight when its values are not wanted; undefined when they are.
Tensor without_values(const Dims& dims, DType dtype) {
  if (current_mode == InitMode::Shapes) return shape_only(dims, dtype);
  if (current_mode == InitMode::Memory) return Tensor::empty(dims, dtype, weight_layout(dims));
  return {};
}

}  // namespace

InitGuard::InitGuard(InitMode mode) : before_(current_mode) { current_mode = mode; }
InitGuard::~InitGuard() { current_mode = before_; }

Tensor kaiming_normal(const Dims& dims, FanMode mode, Generator& g, DType dtype) {
  if (Tensor t = without_values(dims, dtype); t.defined()) return t;
  const double std = std::sqrt(2.0 / static_cast<double>(fan(dims, mode)));
  return rand_normal(dims, g, 0, std, dtype, weight_layout(dims));
}

Tensor default_uniform(const Dims& dims, std::int64_t fan_in, Generator& g, DType dtype) {
  if (Tensor t = without_values(dims, dtype); t.defined()) return t;
  const double bound = 1.0 / std::sqrt(static_cast<double>(fan_in));
  return rand_uniform(dims, g, -bound, bound, dtype, weight_layout(dims));
}

Tensor constant(const Dims& dims, double value, DType dtype) {
  return current_mode == InitMode::Shapes ? shape_only(dims, dtype) : full(dims, value, dtype);
}

}  // namespace fledge
