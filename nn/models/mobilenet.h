// MobileNet v1 (Howard et al. 2017) with a width multiplier. Names model.I.J: block I (0 the stem; J: 0 depthwise or stem convolution,
// 1 BN, 3 pointwise convolution, 4 BN). Channels are int(c * width).
#pragma once
#include "nn/models/model.h"

namespace fledge {

std::shared_ptr<Backbone> make_mobilenet_v1(const ModelSpec& spec, Generator& g);

}  // namespace fledge
