#include "kernels/ref/table.h"

namespace fledge::ref {

template <class T>
KernelTable ref_table() {
  return {
      .conv = conv_kernels<T>(),
      .norm = norm_kernels<T>(),
      .pool = pool_kernels<T>(),
      .eltwise = eltwise_kernels<T>(),
      .reduce = reduce_kernels<T>(),
      .gemm = gemm_kernels<T>(),
      .gather = gather_kernels<T>(),
      .distance = distance_kernels<T>(),
      .optim = optim_kernels<T>(),
      .image = image_kernels<T>(),
  };
}

template KernelTable ref_table<float>();
template KernelTable ref_table<double>();

}  // namespace fledge::ref
