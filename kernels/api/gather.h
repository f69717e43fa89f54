// Indexed reads and their adjoints. Indices are int64. On the CPU they are already checked to be in range; on a GPU an
// index out of range reads NaN and writes nothing.
#pragma once
#include "kernels/api/exec_context.h"
#include "kernels/api/tensor_view.h"

namespace fledge {

/// One element per row: y[r] = x[r, index[r]].   x: R,C  index: R  y: R
using TakeAlongRow = void (*)(ExecContext&, const TensorView& x, const TensorView& index, const TensorView& y);
/// dx[r, index[r]] = dy[r], everything else 0.   dx: R,C
using TakeAlongRowBackward = void (*)(ExecContext&, const TensorView& dy, const TensorView& index,
                                      const TensorView& dx);
/// Whole rows: y[i,:] = x[index[i],:].   x: R,C  index: M  y: M,C
using IndexSelect = void (*)(ExecContext&, const TensorView& x, const TensorView& index, const TensorView& y);
/// dx = 0; dx[index[i],:] += dy[i,:] in the order of i (deterministic).
using IndexSelectBackward = void (*)(ExecContext&, const TensorView& dy, const TensorView& index, const TensorView& dx);

struct GatherKernels {
  TakeAlongRow take_along_row{};
  TakeAlongRowBackward take_along_row_backward{};
  IndexSelect index_select{};
  IndexSelectBackward index_select_backward{};
};

}  // namespace fledge
