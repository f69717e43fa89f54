// Global average pooling, for pool.cu to put into the tables. T: the dtype of the picture; features are float32.
#pragma once
#include "kernels/api/pool.h"

namespace fledge::cuda {

template <class T>
void global_avg_pool(ExecContext&, const TensorView& x, const TensorView& y);
template <class T>
void global_avg_pool_backward(ExecContext&, const TensorView& dy, const TensorView& dx);

}  // namespace fledge::cuda
