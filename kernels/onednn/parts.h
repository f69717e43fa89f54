// A problem in fixed parts, each computed by one thread: how oneDNN is used where the bits must not depend on threads
// (thread_invariant(), kernels/api/reproducibility.h). oneDNN divides a problem by the number of threads a
// primitive was made for, and adds up sums by that division; here the division is a function of the problem alone,
// and a part meets the same primitive, made for one thread, whoever computes it.
#pragma once
#include <cstdint>
#include <functional>

#include "kernels/api/exec_context.h"
#include "kernels/api/tensor_view.h"

namespace fledge::onednn {

/// The most parts of a problem; threads beyond it find no work.
inline constexpr std::int64_t kMostParts = 8;

/// Whether a problem of this context is to be divided: thread_invariant() holds, and the context is no lane itself.
bool in_parts(ExecContext& ctx);

/// How many parts `items` (pictures, rows, filters) are divided into that cost `work` multiply-adds together.
int parts_of(std::int64_t items, std::int64_t work);

/// What one part gets: a context of one thread with plans and scratch of its own, and its share [begin, end).
struct Part {
  ExecContext& lane;
  int number;
  std::int64_t begin, end;

  std::int64_t size() const { return end - begin; }
};

/// f once for each of `parts` contiguous parts of [0, items), on the context's threads. What f throws is thrown on
/// when all have come to their end, that of the first part first.
void for_parts(ExecContext& ctx, int parts, std::int64_t items, const std::function<void(const Part&)>& f);

/// The part's share of a view's first axis. Not a whole storage any more: it has no slot.
TensorView rows_of(const TensorView& t, const Part& part);

}  // namespace fledge::onednn
