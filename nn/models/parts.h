// Inference of a large batch by parts that stay in the cache.
#pragma once
#include <vector>

#include "nn/models/backbone.h"

namespace fledge {

struct Parts {
  /// How many of the images go through each block together, one number a block. Each divides the next, and the last one
  /// divides the batch: parts are equal, as a convolution's implementation, and so a picture's last bits, may depend on
  /// how many pictures come with it.
  std::vector<std::int64_t> sizes;
  /// Of so many of the first blocks each thread computes parts of its own (tensor/lanes.h).
  std::size_t in_lanes = 0;

  friend bool operator==(const Parts&, const Parts&) = default;
};

/// All of the images at once where parts do not pay: on a GPU, in training mode, where a gradient is wanted. Deep
/// blocks have large weights and small maps and take as many as make reading the weights cheap; the blocks before them
/// take fewer, whose maps do not leave the cache, and which are enough for every thread to have its own.
Parts parts_of(const Backbone& backbone, const Variable& images);
/// Those of the normalized ones.
Parts parts_of(const Backbone& backbone, const StoredPictures& pictures);

/// The pooled features (N x feature_size) of images N,3,H,W, by such parts.
Variable pooled_features(const Backbone& backbone, const Variable& images, const Parts& parts);
Variable pooled_features(const Backbone& backbone, const StoredPictures& pictures, const Parts& parts);

}  // namespace fledge
