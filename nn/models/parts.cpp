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

/// Of `images`, N pictures in whatever form.
std::int64_t parts_of(const Backbone& backbone, const Tensor& images) {
  const std::int64_t n = images.dim(0);
  if (n < 2 || images.device().type != Device::Type::CPU || backbone.is_training()) return n;
  std::int64_t weights = 0;
  for (const Variable& p : backbone.parameters()) {
    if (wants_graph({&p})) return n;
    weights += p.value().numel();
  }
  const std::int64_t picture = std::max<std::int64_t>(1, images.numel() / n);
  const std::int64_t pictures = (weights + 2 * picture - 1) / (2 * picture);
  const std::int64_t threads = thread_invariant() ? 1 : num_threads();
  return equal_parts(n, std::max<std::int64_t>(1, pictures * threads));
}

/// features_of(first, count) for each part, together.
template <class F>
Variable joined(std::int64_t n, std::int64_t part, F features_of) {
  Tensor features;
  for (std::int64_t first = 0; first < n; first += part) {
    const std::int64_t count = std::min(part, n - first);
    const Variable some = features_of(first, count);
    if (!features.defined()) features = Tensor::empty({n, some.dims()[1]}, some.value().dtype());
    features.slice(0, first, count).copy_from(some.value());
  }
  return Variable(features);
}

}  // namespace

std::int64_t part_size(const Backbone& backbone, const Variable& images) {
  return wants_graph({&images}) ? images.dims()[0] : parts_of(backbone, images.value());
}

std::int64_t part_size(const Backbone& backbone, const StoredPictures& pictures) {
  return parts_of(backbone, pictures.pixels);
}

Variable pooled_features(const Backbone& backbone, const Variable& images, std::int64_t part) {
  const std::int64_t n = images.dims()[0];
  if (part >= n) return global_avg_pool(backbone.forward(images, nullptr));
  return joined(n, part, [&](std::int64_t first, std::int64_t count) {
    return global_avg_pool(backbone.forward(Variable(images.value().slice(0, first, count)), nullptr));
  });
}

Variable pooled_features(const Backbone& backbone, const StoredPictures& pictures, std::int64_t part) {
  const std::int64_t n = pictures.pixels.dim(0);
  if (part >= n) return global_avg_pool(backbone.forward_pictures(pictures, nullptr));
  return joined(n, part, [&](std::int64_t first, std::int64_t count) {
    const StoredPictures some{pictures.pixels.slice(0, first, count), pictures.normalize};
    return global_avg_pool(backbone.forward_pictures(some, nullptr));
  });
}

}  // namespace fledge
