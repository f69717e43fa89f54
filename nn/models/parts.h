// Inference of a large batch by parts that stay in the cache.
#pragma once
#include <vector>

#include "nn/models/backbone.h"

namespace fledge {

/// How many of the images go through each block together, one number a block; all of them where parts do not pay: on a
/// GPU, in training mode, where a gradient is wanted. Deep blocks have large weights and small maps and take as many as
/// make reading the weights cheap; the blocks before them take fewer, whose maps do not leave the cache. Each number
/// divides the next, and the last one divides the batch: parts are equal, as a convolution's implementation, and so a
/// picture's last bits, may depend on how many pictures come with it.
std::vector<std::int64_t> part_sizes(const Backbone& backbone, const Variable& images);
/// As many as of the normalized ones.
std::vector<std::int64_t> part_sizes(const Backbone& backbone, const StoredPictures& pictures);

/// The pooled features (N x feature_size) of images N,3,H,W, by such parts.
Variable pooled_features(const Backbone& backbone, const Variable& images, const std::vector<std::int64_t>& parts);
Variable pooled_features(const Backbone& backbone, const StoredPictures& pictures,
                         const std::vector<std::int64_t>& parts);

}  // namespace fledge
