#include "nn/models/parts.h"

#include <algorithm>

#include "autograd/node.h"
#include "autograd/ops/pool.h"
#include "kernels/api/reproducibility.h"
#include "tensor/context.h"

namespace fledge {
namespace {

/// The largest divisor of n that is at most `wish`; n where that is less than half of it.
std::int64_t equal_parts(std::int64_t n, std::int64_t wish) {
  for (std::int64_t part = std::min(n, wish); 2 * part >= wish && part > 0; --part)
    if (n % part == 0) return part;
  return n;
}

}  // namespace

std::int64_t part_size(const Backbone& backbone, const Variable& images) {
  const std::int64_t n = images.dims()[0];
  if (n < 2 || images.value().device().type != Device::Type::CPU) return n;
  if (backbone.is_training() || wants_graph({&images})) return n;
  std::int64_t weights = 0;
  for (const Variable& p : backbone.parameters()) {
    if (wants_graph({&p})) return n;
    weights += p.value().numel();
  }
  const std::int64_t picture = std::max<std::int64_t>(1, images.value().numel() / n);
  const std::int64_t pictures = (weights + 2 * picture - 1) / (2 * picture);
  const std::int64_t threads = thread_invariant() ? 1 : num_threads();
  return equal_parts(n, std::max<std::int64_t>(1, pictures * threads));
}

Variable pooled_features(const Backbone& backbone, const Variable& images, std::int64_t part) {
  const std::int64_t n = images.dims()[0];
  if (part >= n) return global_avg_pool(backbone.forward(images, nullptr));
  Tensor features;
  for (std::int64_t first = 0; first < n; first += part) {
    const std::int64_t count = std::min(part, n - first);
    const Variable some = global_avg_pool(backbone.forward(Variable(images.value().slice(0, first, count)), nullptr));
    if (!features.defined()) features = Tensor::empty({n, some.dims()[1]}, some.value().dtype());
    features.slice(0, first, count).copy_from(some.value());
  }
  return Variable(features);
}

}  // namespace fledge
