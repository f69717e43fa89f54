// The convolutions that cuDNN gets to compute: every one of every network, and the shared cases of the kernel tests.
#pragma once
#include <vector>

#include "kernels/cudnn/problem.h"
#include "kernels/plan/conv_case.h"

namespace fledge::test {

struct NetworkConv : ConvCase {
  bool joins = false;  // a residual is added to its output
  bool relu6 = false;
  bool has_activation = true;
};

/// The convolutions of all networks (widths, stems, variants) for pictures of
/// `size` pixels, without the depthwise ones.
std::vector<NetworkConv> network_convolutions(std::int64_t batch, std::int64_t size);

enum class Number { Strict, TF32, BFloat16 };

/// What training and inference ask of cuDNN: forward, grad_input, grad_weight, and where `fused` the forward with its
/// epilogue. Each problem once.
std::vector<cudnn::ProblemKey> plain_keys(const std::vector<NetworkConv>& convolutions, Number number);
std::vector<cudnn::ProblemKey> fused_keys(const std::vector<NetworkConv>& convolutions, Number number);

}  // namespace fledge::test
