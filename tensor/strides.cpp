#include "tensor/strides.h"

namespace fledge {

// From the last axis on, axes whose strides chain are one run of memory. Each run must be used up exactly by some of
// the wanted axes, which then divide it row-major.
std::optional<Dims> reshaped_strides(const Dims& dims, const Dims& strides, const Dims& wanted) {
  if (dims == wanted) return strides;
  if (dims.rank() == 0 || dims.numel() == 0) return contiguous_strides(wanted);
  Dims result = Dims::filled(wanted.rank(), 1);
  int w = wanted.rank() - 1;
  std::int64_t run_stride = strides[dims.rank() - 1], run = 1, used = 1;
  for (int d = dims.rank() - 1; d >= 0; --d) {
    run *= dims[d];
    const bool run_ends = d == 0 || (dims[d - 1] != 1 && strides[d - 1] != run * run_stride);
    if (!run_ends) continue;
    while (w >= 0 && (used < run || wanted[w] == 1)) {
      result[w] = used * run_stride;
      used *= wanted[w--];
    }
    if (used != run) return std::nullopt;
    if (d > 0) {
      run_stride = strides[d - 1];
      run = used = 1;
    }
  }
  return w < 0 ? std::optional<Dims>(result) : std::nullopt;
}

}  // namespace fledge
