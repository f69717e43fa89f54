#include "nn/layers/linear.h"

#include "autograd/ops/gemm.h"
#include "nn/init.h"

namespace fledge {

Linear::Linear(std::int64_t in, std::int64_t out, Generator& g, bool head_init) {
  weight_ =
      &parameter("weight", head_init ? kaiming_normal({out, in}, FanMode::Out, g) : default_uniform({out, in}, in, g));
  bias_ = &parameter("bias", head_init ? constant({out}, 0) : default_uniform({out}, in, g));
}

Variable Linear::forward(const Variable& x) const { return linear(x, *weight_, *bias_); }

}  // namespace fledge
