// Inference of a large batch by parts that stay in the cache.
#pragma once
#include "nn/models/model.h"

namespace fledge {

/// How many of the images a part has; all of them where parts do not pay: on a GPU, in training mode, where a gradient
/// is wanted. A part reads the weights once and its maps stay in the cache; it has as many pictures as make reading the
/// weights as dear as reading those pictures twice, or somewhat fewer: parts are equal, as a convolution's
/// implementation, and so a picture's last bits, may depend on how many pictures come with it.
std::int64_t part_size(const Backbone& backbone, const Variable& images);
/// As many as of the normalized ones.
std::int64_t part_size(const Backbone& backbone, const StoredPictures& pictures);

/// The pooled features (N x feature_size) of images N,3,H,W, `part` at a time.
Variable pooled_features(const Backbone& backbone, const Variable& images, std::int64_t part);
Variable pooled_features(const Backbone& backbone, const StoredPictures& pictures, std::int64_t part);

}  // namespace fledge
