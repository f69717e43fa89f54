// Initial values, as PyTorch's torch.nn.init computes their distribution.
#pragma once
#include "tensor/random.h"

namespace fledge {

enum class FanMode { In, Out };

/// Normal with std = sqrt(2 / fan) (He et al. 2015). dims: K,C/g,R,S (fan_in = C/g*R*S, fan_out = K*R*S) or K,C. Rank 4
/// is channels-last.
Tensor kaiming_normal(const Dims& dims, FanMode mode, Generator& g, DType dtype = DType::Float32);
/// PyTorch's default of Linear and Conv2d: uniform in +-1/sqrt(fan_in).
Tensor default_uniform(const Dims& dims, std::int64_t fan_in, Generator& g, DType dtype = DType::Float32);

}  // namespace fledge
