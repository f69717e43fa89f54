#include "nn/models/parts.h"

#include <algorithm>

#include "autograd/node.h"
#include "autograd/ops/pool.h"
#include "kernels/api/reproducibility.h"
#include "tensor/context.h"

namespace fledge {
namespace {

// Measured on Zen 3 (kernels/README.md, "What was tried for speed").
constexpr std::int64_t kWeightsPerNumber = 8;    // that a block reads for each number of its output
constexpr std::int64_t kLeastNumbers = 1 << 16;  // of an output: calls of less are dear

/// The largest divisor of n that is at most `wish`; n where that is less than half of it.
std::int64_t equal_parts(std::int64_t n, std::int64_t wish) {
  for (std::int64_t part = std::min(n, wish); 2 * part >= wish && part > 0; --part)
    if (n % part == 0) return part;
  return n;
}

bool by_parts(const Backbone& backbone, std::int64_t n, Device device) {
  if (n < 2 || device.type != Device::Type::CPU || backbone.is_training()) return false;
  const std::vector<Variable> parameters = backbone.parameters();
  return std::none_of(parameters.begin(), parameters.end(), [](const Variable& p) { return wants_graph({&p}); });
}

/// Of n pictures.
std::vector<std::int64_t> sizes(const Backbone& backbone, std::int64_t n, std::int64_t height, std::int64_t width) {
  const std::span<const BackboneBlock> blocks = backbone.blocks();
  const std::int64_t threads = thread_invariant() ? 1 : num_threads();
  std::vector<std::int64_t> parts;
  for (const BackboneBlock& block : blocks) {
    height = (height + block.stride - 1) / block.stride, width = (width + block.stride - 1) / block.stride;
    const std::int64_t numbers = std::max<std::int64_t>(1, height * width * block.channels);
    const std::int64_t least = std::max(block.weights / kWeightsPerNumber, kLeastNumbers);
    parts.push_back(std::max<std::int64_t>(1, least / numbers) * threads);
  }
  for (std::size_t i = parts.size(); i-- > 0; n = parts[i]) parts[i] = equal_parts(n, std::min(n, parts[i]));
  return parts;
}

Variable some_of(const Variable& images, std::int64_t first, std::int64_t count) {
  return Variable(images.value().slice(0, first, count));
}
StoredPictures some_of(const StoredPictures& pictures, std::int64_t first, std::int64_t count) {
  return {pictures.pixels.slice(0, first, count), pictures.normalize};
}

/// outputs(first picture, how many) for each `part` of `count` pictures from `first`, one behind the other.
template <class F>
Variable joined(std::int64_t first, std::int64_t count, std::int64_t part, F outputs) {
  if (part == count) return outputs(first, count);
  Tensor all;
  for (std::int64_t done = 0; done < count; done += part) {
    const Variable some = outputs(first + done, part);
    if (!all.defined()) {
      Dims dims = some.dims();
      dims[0] = count;
      all = Tensor::empty(dims, some.value().dtype(), dims.rank() == 4 ? Layout::ChannelsLast : Layout::Contiguous);
    }
    all.slice(0, done, part).copy_from(some.value());
  }
  return Variable(all);
}

/// The maps behind block `end` - 1 of `count` pictures from `first`, which parts[end - 1] divides.
template <class Images>
Variable maps(const Backbone& backbone, const Images& images, const std::vector<std::int64_t>& parts, std::size_t end,
              std::int64_t first, std::int64_t count) {
  const std::int64_t part = parts[end - 1];
  std::size_t begin = end - 1;
  while (begin > 0 && parts[begin - 1] == part) --begin;
  return joined(first, count, part, [&](std::int64_t at, std::int64_t n) {
    if (begin == 0) return backbone.run(1, end, backbone.run_first(some_of(images, at, n)));
    return backbone.run(begin, end, maps(backbone, images, parts, begin, at, n));
  });
}

template <class Images>
Variable pooled(const Backbone& backbone, const Images& images, std::int64_t n,
                const std::vector<std::int64_t>& parts) {
  if (parts.front() >= n) return global_avg_pool(backbone.forward(images, nullptr));
  return joined(0, n, parts.back(), [&](std::int64_t first, std::int64_t count) {
    return global_avg_pool(maps(backbone, images, parts, parts.size(), first, count));
  });
}

}  // namespace

std::vector<std::int64_t> part_sizes(const Backbone& backbone, const Variable& images) {
  const Dims& dims = images.dims();
  if (wants_graph({&images}) || !by_parts(backbone, dims[0], images.value().device()))
    return std::vector<std::int64_t>(backbone.blocks().size(), dims[0]);
  return sizes(backbone, dims[0], dims[2], dims[3]);
}

std::vector<std::int64_t> part_sizes(const Backbone& backbone, const StoredPictures& pictures) {
  const Dims& dims = pictures.pixels.dims();
  if (!by_parts(backbone, dims[0], pictures.pixels.device()))
    return std::vector<std::int64_t>(backbone.blocks().size(), dims[0]);
  return sizes(backbone, dims[0], dims[1], dims[2]);
}

Variable pooled_features(const Backbone& backbone, const Variable& images, const std::vector<std::int64_t>& parts) {
  return pooled(backbone, images, images.dims()[0], parts);
}

Variable pooled_features(const Backbone& backbone, const StoredPictures& pictures,
                         const std::vector<std::int64_t>& parts) {
  return pooled(backbone, pictures, pictures.pixels.dim(0), parts);
}

}  // namespace fledge
