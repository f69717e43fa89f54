// MobileNet v1 (Howard et al. 2017) with a width multiplier. Names model.I.J: block I (0 the stem; J: 0 depthwise or
// stem convolution, 1 BN, 3 pointwise convolution, 4 BN). Channels are int(c * width).
// Sizes: stride 2 in the stem and blocks 2, 4, 6, 12 (224 -> 112, 56, 28, 14, 7). With the small stem only the stem's
// stride is dropped, the blocks keep theirs (28 -> 28, 14, 7, 4, 2). Stage maps: after blocks 3, 5, 11, 13.
// Variants (ModelSpec::variant): "torch" pads 1 on all sides, eps 1e-5, ReLU; "torch-relu6" is the same with ReLU6
// (timm's); "keras" pads stride-2 convolutions at the bottom and right only, eps 1e-3, ReLU6. The running statistics'
// momentum is 0.1 in all.
#pragma once
#include "nn/models/external.h"

namespace fledge {

ExternalNames mobilenet_external();

}  // namespace fledge
