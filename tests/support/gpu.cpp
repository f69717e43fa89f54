#include "tests/support/gpu.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <vector>

#include "kernels/api/backend.h"

namespace fledge::test {

std::optional<Device> gpu() {
  const GpuModule& module = gpu_module();
  if (module.backend) return Device{Device::Type::GPU, 0};
  static const int told = std::fprintf(stderr, "cases on a GPU are left out: %s\n", module.missing.c_str());
  (void)told;
  return std::nullopt;
}

double relative_difference(const Tensor& a, const Tensor& b) {
  const std::vector<double> va = a.to_vector<double>(), vb = b.to_vector<double>();
  if (va.size() != vb.size()) return INFINITY;
  double worst = 0, scale = 1e-30;
  for (std::size_t i = 0; i < va.size(); ++i) {
    worst = std::max(worst, std::isfinite(va[i]) ? std::abs(va[i] - vb[i]) : INFINITY);
    scale = std::max(scale, std::abs(vb[i]));
  }
  return worst / scale;
}

double cosine_similarity(const Tensor& a, const Tensor& b) {
  const std::vector<double> va = a.to_vector<double>(), vb = b.to_vector<double>();
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < va.size(); ++i) ab += va[i] * vb[i], aa += va[i] * va[i], bb += vb[i] * vb[i];
  return ab / std::sqrt(aa * bb);
}

}  // namespace fledge::test
