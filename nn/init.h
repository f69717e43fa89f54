// Initial values, as PyTorch's torch.nn.init computes their distribution. Every layer makes its weights here, so that a
// guard can say that their values are not wanted.
#pragma once
#include "tensor/random.h"

namespace fledge {

enum class FanMode { In, Out };

/// What new weights hold.
enum class InitMode {
  Values,  // what the functions below say
  Memory,  // nothing yet: allocated, the large ones not touched. For weights that a file is about to fill
  Shapes,  // sizes only: all elements are one (stride 0), no memory. Such a module can be listed, not run
};

/// Sets the mode of this thread while it lives.
class InitGuard {
 public:
  explicit InitGuard(InitMode mode);
  ~InitGuard();
  InitGuard(const InitGuard&) = delete;
  InitGuard& operator=(const InitGuard&) = delete;

 private:
  InitMode before_;
};

/// Normal with std = sqrt(2 / fan) (He et al. 2015). dims: K,C/g,R,S
/// (fan_in = C/g*R*S, fan_out = K*R*S) or K,C. Rank 4 is channels-last.
Tensor kaiming_normal(const Dims& dims, FanMode mode, Generator& g, DType dtype = DType::Float32);
/// PyTorch's default of Linear and Conv2d: uniform in +-1/sqrt(fan_in).
Tensor default_uniform(const Dims& dims, std::int64_t fan_in, Generator& g, DType dtype = DType::Float32);
/// All elements equal: biases, batch norm. Filled in mode Memory too, as these are small.
Tensor constant(const Dims& dims, double value, DType dtype = DType::Float32);

}  // namespace fledge
