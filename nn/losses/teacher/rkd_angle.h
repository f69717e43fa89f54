// rkd_angle by tensor ops, for devices. Private to nn/losses/teacher/.
#pragma once
#include "tensor/tensor.h"

namespace fledge {

struct AngleSums {
  Tensor value, error;  // scalars: the loss, and the sum over ijk of |cos^S - cos^T|
  Tensor gradient;      // N,D: of value by f; undefined unless asked for
};
/// f: N,D  g: N,D' of the same dtype. A block of anchors at a time, so that memory is a few times 16 MB or n^2,
/// whichever is more. In the dtype of f: squared distances are those of the centred rows, and a side of length d makes
/// cosines wrong by the rounding unit over d.
AngleSums rkd_angle_sums(const Tensor& f, const Tensor& g, bool with_gradient);

}  // namespace fledge
