// The backward half of batch normalisation, for norm_forward.cu to put into the tables.
#pragma once
#include "kernels/api/norm.h"

namespace fledge::cuda {

/// T: float or __nv_bfloat16, the dtype of the activations.
template <class T>
void batch_norm_backward(ExecContext&, const BatchNormBackwardArgs&, const BatchNormGrads&, bool batch_statistics,
                         const BatchNormParams&);

}  // namespace fledge::cuda
