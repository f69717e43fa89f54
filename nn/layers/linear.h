// Linear layer. Parameters weight K,C and bias K.
#pragma once
#include "nn/module.h"
#include "tensor/random.h"

namespace fledge {

class Linear : public Module {
 public:
  /// head_init: Kaiming normal fan out and bias 0 (the paper's embedding head); else PyTorch's default.
  Linear(std::int64_t in, std::int64_t out, Generator& g, bool head_init = false);
  Variable forward(const Variable& x) const;  // N,C -> N,K
  const Variable& weight() const { return *weight_; }
  const Variable& bias() const { return *bias_; }

 private:
  Variable* weight_ = nullptr;
  Variable* bias_ = nullptr;
};

}  // namespace fledge
