#include "nn/init.h"

#include <cmath>

namespace fledge {
namespace {

Layout weight_layout(const Dims& dims) { return dims.rank() == 4 ? Layout::ChannelsLast : Layout::Contiguous; }

/// Products of a weight K,C/g,R,S or K,C: inputs that reach one output, outputs that one input reaches (times the
/// filter's area).
std::int64_t fan(const Dims& dims, FanMode mode) {
  if (dims.rank() != 2 && dims.rank() != 4) {
    throw Error(ErrorKind::Usage, "kaiming_normal", "a weight has 2 or 4 axes, not " + to_string(dims));
  }
  const std::int64_t area = dims.rank() == 4 ? dims[2] * dims[3] : 1;
  return (mode == FanMode::In ? dims[1] : dims[0]) * area;
}

}  // namespace

Tensor kaiming_normal(const Dims& dims, FanMode mode, Generator& g, DType dtype) {
  const double std = std::sqrt(2.0 / static_cast<double>(fan(dims, mode)));
  return rand_normal(dims, g, 0, std, dtype, weight_layout(dims));
}

Tensor default_uniform(const Dims& dims, std::int64_t fan_in, Generator& g, DType dtype) {
  const double bound = 1.0 / std::sqrt(static_cast<double>(fan_in));
  return rand_uniform(dims, g, -bound, bound, dtype, weight_layout(dims));
}

}  // namespace fledge
