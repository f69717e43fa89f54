// The image kernels, for others that begin with pixels.
#pragma once
#include "kernels/api/image.h"

namespace fledge::cpu {

/// ImageKernels::normalize to float32.
void normalize_images(ExecContext&, const TensorView& pixels, const TensorView& y, const NormalizeParams&);

}  // namespace fledge::cpu
