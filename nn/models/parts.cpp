#include "nn/models/parts.h"

#include <algorithm>
#include <mutex>

#include "autograd/grad_mode.h"
#include "autograd/node.h"
#include "autograd/ops/pool.h"
#include "kernels/api/reproducibility.h"
#include "tensor/context.h"
#include "tensor/lanes.h"

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

/// As many of n as each of the blocks would take for one thread.
std::vector<std::int64_t> wishes(const Backbone& backbone, std::int64_t height, std::int64_t width) {
  std::vector<std::int64_t> wishes;
  for (const BackboneBlock& block : backbone.blocks()) {
    height = (height + block.stride - 1) / block.stride, width = (width + block.stride - 1) / block.stride;
    const std::int64_t numbers = std::max<std::int64_t>(1, height * width * block.channels);
    const std::int64_t least = std::max(block.weights / kWeightsPerNumber, kLeastNumbers);
    wishes.push_back(std::max<std::int64_t>(1, least / numbers));
  }
  return wishes;
}

/// Whether so many equal parts keep the threads busy until near the end.
bool busy(std::int64_t parts, std::int64_t threads) {
  return threads > 1 && 4 * ((parts + threads - 1) / threads) * threads <= 5 * parts;
}

/// Of n pictures, with so many blocks in lanes. The blocks behind those take a multiple of `step`, so that lanes have
/// as many parts each; `shared`: how many threads compute a part of theirs together.
std::vector<std::int64_t> sizes(std::vector<std::int64_t> wishes, std::size_t in_lanes, std::int64_t n,
                                std::int64_t step, std::int64_t shared) {
  for (std::size_t i = wishes.size(); i-- > 0; n = wishes[i]) {
    std::int64_t& size = wishes[i];
    if (i + 1 == in_lanes) n /= step;
    if (i < in_lanes)
      size = equal_parts(n, std::min(n, size));
    else
      size = step * equal_parts(n / step, std::min(n / step, size * shared / step));
  }
  return wishes;
}

/// Of n pictures. Thread-invariant, the sizes are those of one thread.
Parts parts_of(const Backbone& backbone, std::int64_t n, std::int64_t height, std::int64_t width) {
  const std::int64_t threads = num_threads(), shared = thread_invariant() ? 1 : threads;
  const std::vector<std::int64_t> wanted = wishes(backbone, height, width);
  std::size_t most = 0;
  while (most < wanted.size() && threads > 1 && 2 * (n / threads) >= wanted[most]) ++most;
  for (std::size_t lanes = most; lanes > 0; --lanes) {
    const std::int64_t step = n % shared == 0 ? shared : 1;
    Parts parts{sizes(wanted, lanes, n, step, shared), lanes};
    const std::int64_t count = lanes == wanted.size() ? n : parts.sizes[lanes];
    if (busy(count / parts.sizes[lanes - 1], threads)) return parts;
  }
  return {sizes(wanted, 0, n, 1, shared)};
}

Variable some_of(const Variable& images, std::int64_t first, std::int64_t count) {
  return Variable(images.value().slice(0, first, count));
}
StoredPictures some_of(const StoredPictures& pictures, std::int64_t first, std::int64_t count) {
  return {pictures.pixels.slice(0, first, count), pictures.normalize};
}

/// outputs(first picture, how many) for each `part` of `count` pictures from `first`, side by side.
template <class F>
Variable joined(std::int64_t first, std::int64_t count, std::int64_t part, bool lanes, F outputs) {
  if (part == count) return outputs(first, count);
  Tensor all;
  std::once_flag made;
  const auto take = [&](std::int64_t i) {
    const NoGradGuard no_grad;  // a thread's own
    const Tensor some = outputs(first + i * part, part).value();
    std::call_once(made, [&] {
      Dims dims = some.dims();
      dims[0] = count;
      all = Tensor::empty(dims, some.dtype(), dims.rank() == 4 ? Layout::ChannelsLast : Layout::Contiguous);
    });
    all.slice(0, i * part, part).copy_from(some);
  };
  if (lanes)
    in_lanes(count / part, take);
  else
    for (std::int64_t i = 0; i < count / part; ++i) take(i);
  return Variable(all);
}

/// The maps behind block `end` - 1 of `count` pictures from `first`, which the block's part divides.
template <class Images>
Variable maps(const Backbone& backbone, const Images& images, const Parts& parts, std::size_t end, std::int64_t first,
              std::int64_t count) {
  const std::int64_t part = parts.sizes[end - 1];
  std::size_t begin = end - 1;
  while (begin > 0 && begin != parts.in_lanes && parts.sizes[begin - 1] == part) --begin;
  return joined(first, count, part, end == parts.in_lanes, [&](std::int64_t at, std::int64_t n) {
    if (begin == 0) return backbone.run(1, end, backbone.run_first(some_of(images, at, n)));
    return backbone.run(begin, end, maps(backbone, images, parts, begin, at, n));
  });
}

template <class Images>
Variable pooled(const Backbone& backbone, const Images& images, std::int64_t n, const Parts& parts) {
  if (parts.sizes.front() >= n) return global_avg_pool(backbone.forward(images, nullptr));
  const std::size_t blocks = parts.sizes.size();
  return joined(0, n, parts.sizes.back(), parts.in_lanes == blocks, [&](std::int64_t first, std::int64_t count) {
    return global_avg_pool(maps(backbone, images, parts, blocks, first, count));
  });
}

Parts whole(const Backbone& backbone, std::int64_t n) {
  return {std::vector<std::int64_t>(backbone.blocks().size(), n)};
}

}  // namespace

Parts parts_of(const Backbone& backbone, const Variable& images) {
  const Dims& dims = images.dims();
  if (wants_graph({&images}) || !by_parts(backbone, dims[0], images.value().device())) return whole(backbone, dims[0]);
  return parts_of(backbone, dims[0], dims[2], dims[3]);
}

Parts parts_of(const Backbone& backbone, const StoredPictures& pictures) {
  const Dims& dims = pictures.pixels.dims();
  if (!by_parts(backbone, dims[0], pictures.pixels.device())) return whole(backbone, dims[0]);
  return parts_of(backbone, dims[0], dims[1], dims[2]);
}

Variable pooled_features(const Backbone& backbone, const Variable& images, const Parts& parts) {
  return pooled(backbone, images, images.dims()[0], parts);
}

Variable pooled_features(const Backbone& backbone, const StoredPictures& pictures, const Parts& parts) {
  if (!backbone.reads_pictures()) return pooled_features(backbone, Variable(backbone.normalized(pictures)), parts);
  return pooled(backbone, pictures, pictures.pixels.dim(0), parts);
}

}  // namespace fledge
