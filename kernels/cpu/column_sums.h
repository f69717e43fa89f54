// Sums of the columns of a dense rows x c matrix, on the context's threads.
#pragma once
#include <cstdint>

#include "kernels/api/exec_context.h"

namespace fledge::cpu {

/// c sums, in the context's scratch: valid until its next use. Float sums in short runs, then double.
const double* column_sums(ExecContext& ctx, const float* x, std::int64_t rows, std::int64_t c);

}  // namespace fledge::cpu
