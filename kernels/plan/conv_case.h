// ConvCase: a convolution as tests and benches name it; its descriptor can be read back.
#pragma once
#include <cstdio>
#include <optional>
#include <string>

#include "kernels/api/conv.h"

namespace fledge {

struct ConvCase {
  Dims x, w;  // N,C,H,W   K,C/groups,R,S
  Conv2dParams params;

  Dims y() const { return params.output_dims(x, w); }
  std::string descriptor() const { return params.descriptor(x, w); }
  /// Products that make one element of the output.
  std::int64_t depth() const { return w.numel() / w[0]; }
};

/// Reads "n8c64h56w56k128r3s3 stride2x2 pad1,1,1,1 groups1"; nothing when the text is something else.
inline std::optional<ConvCase> parse_conv_case(const std::string& line) {
  long long n, c, h, w, k, r, s;
  Conv2dParams p;
  const int got = std::sscanf(line.c_str(), "n%lldc%lldh%lldw%lldk%lldr%llds%lld stride%dx%d pad%d,%d,%d,%d groups%d",
                              &n, &c, &h, &w, &k, &r, &s, &p.stride_h, &p.stride_w, &p.pad_top, &p.pad_left,
                              &p.pad_bottom, &p.pad_right, &p.groups);
  if (got != 14 || p.groups < 1 || c % p.groups || k % p.groups) return std::nullopt;
  return ConvCase{{n, c, h, w}, {k, c / p.groups, r, s}, p};
}

}  // namespace fledge
