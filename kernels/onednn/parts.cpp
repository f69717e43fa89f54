#include "kernels/onednn/parts.h"

#include <omp.h>

#include <algorithm>
#include <array>
#include <exception>

#include "kernels/api/reproducibility.h"
#include "kernels/onednn/state.h"

namespace fledge::onednn {

bool in_parts(ExecContext& ctx) { return thread_invariant() && !state_of(ctx).is_lane; }

int parts_of(std::int64_t items, std::int64_t work) {
  constexpr std::int64_t kSmallest = 500'000;  // multiply-adds: some ten microseconds, what starting a thread costs
  return static_cast<int>(std::clamp<std::int64_t>(std::min(items, work / kSmallest), 1, kMostParts));
}

TensorView rows_of(const TensorView& t, const Part& part) {
  TensorView rows = t;
  rows.data = t.as<char>() + part.begin * t.strides[0] * static_cast<std::int64_t>(size_of(t.dtype));
  rows.dims[0] = part.size();
  rows.holder = nullptr;
  return rows;
}

void for_parts(ExecContext& ctx, int parts, std::int64_t items, const std::function<void(const Part&)>& f) {
  State& state = state_of(ctx);
  const int threads = std::min(omp_in_parallel() ? 1 : ctx.threads(), parts);
  while (static_cast<int>(state.lanes.size()) < threads) {
    auto lane = std::make_unique<ExecContext>(1);
    state_of(*lane).is_lane = true;
    state.lanes.push_back(std::move(lane));
  }
  std::array<std::exception_ptr, kMostParts> errors;
  const auto take = [&](int lane, int part) {
    try {
      f({*state.lanes[lane], part, items * part / parts, items * (part + 1) / parts});
    } catch (...) {
      errors[part] = std::current_exception();
    }
  };
  if (threads == 1) {
    for (int part = 0; part < parts; ++part) take(0, part);
  } else {  // a thread that began late leaves its parts to others
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
    for (int part = 0; part < parts; ++part) take(omp_get_thread_num(), part);
  }
  for (const std::exception_ptr& error : errors)
    if (error) std::rethrow_exception(error);
}

}  // namespace fledge::onednn
