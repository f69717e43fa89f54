#include "kernels/onednn/invalid_operation.h"

#include <cfenv>

namespace fledge::onednn {
namespace {

bool take_of_this_thread() {
  if (!std::fetestexcept(FE_INVALID)) return false;
  std::feclearexcept(FE_INVALID);
  return true;
}

}  // namespace

bool take_invalid_operation(int threads) {
  if (threads <= 1) return take_of_this_thread();
  int met = 0;
  // oneDNN computes in the same OpenMP threads (kernels/cpu/parallel.h).
#pragma omp parallel num_threads(threads) reduction(| : met)
  met |= take_of_this_thread();
  return met != 0;
}

}  // namespace fledge::onednn
