#include "kernels/onednn/grad_weight_parts.h"

#include <algorithm>

#include "kernels/onednn/conv.h"
#include "kernels/onednn/parts.h"

namespace fledge::onednn {
namespace {

struct Problem {
  const TensorView &dy, &x, &dw;
  const Conv2dParams& params;
};

/// sums[i] += the same element of each of `others` gradients, `n` floats apart, in their order.
void add_in_order(float* sums, const float* first, int others, std::int64_t n, std::int64_t begin, std::int64_t end) {
  constexpr std::int64_t kRun = 2048;  // stays in the first-level cache
  for (; begin < end; begin += kRun)
    for (int part = 0; part < others; ++part) {
      const float* from = first + part * n;
      for (std::int64_t i = begin; i < std::min(end, begin + kRun); ++i) sums[i] += from[i];
    }
}

void by_pictures(ExecContext& ctx, int parts, const Problem& p) {
  const std::int64_t n = p.dw.numel();
  auto* others = static_cast<float*>(ctx.scratch(static_cast<std::size_t>((parts - 1) * n) * sizeof(float)));
  for_parts(ctx, parts, p.x.dims[0], [&](const Part& part) {
    TensorView mine = p.dw;
    if (part.number > 0) mine.data = others + (part.number - 1) * n;
    conv2d_grad_weight(part.lane, rows_of(p.dy, part), rows_of(p.x, part), mine, p.params);
  });
  if (parts == 1) return;
  for_parts(ctx, parts_of(n, n * parts * 16), n,
            [&](const Part& part) { add_in_order(p.dw.as<float>(), others, parts - 1, n, part.begin, part.end); });
}

/// Filters [begin, end) of dy's pixels, without gaps.
void copy_filters(const TensorView& dy, const Part& part, float* to) {
  const std::int64_t k = dy.dims[1], pixels = dy.numel() / k;
  for (std::int64_t i = 0; i < pixels; ++i)
    std::copy_n(dy.as<float>() + i * k + part.begin, part.size(), to + i * part.size());
}

constexpr std::int64_t kFilters = 32;  // dealt out together: whole vectors

void by_filters(ExecContext& ctx, int parts, const Problem& p) {
  const std::int64_t k = p.dy.dims[1], pixels = p.dy.numel() / k;
  auto* copies = static_cast<float*>(ctx.scratch(static_cast<std::size_t>(p.dy.numel()) * sizeof(float)));
  for_parts(ctx, parts, k / kFilters, [&](const Part& groups) {
    const Part part{groups.lane, groups.number, groups.begin * kFilters, groups.end * kFilters};
    TensorView mine = p.dy;
    mine.data = copies + pixels * part.begin;
    mine.dims[1] = part.size();
    for (int axis : {0, 2, 3}) mine.strides[axis] = p.dy.strides[axis] / k * part.size();
    copy_filters(p.dy, part, mine.as<float>());
    conv2d_grad_weight(part.lane, mine, p.x, rows_of(p.dw, part), p.params);
  });
}

}  // namespace

void grad_weight_in_parts(ExecContext& ctx, std::int64_t work, const TensorView& dy, const TensorView& x,
                          const TensorView& dw, const Conv2dParams& params) {
  const Problem problem{dy, x, dw, params};
  const std::int64_t k = dw.dims[0];
  const int pictures = parts_of(x.dims[0], work), filters = parts_of(k / kFilters, work);
  // By pictures every part writes, packs and adds a gradient; by filters each reads all of x, and dy is copied.
  const bool dealt = dy.dtype == DType::Float32 && params.groups == 1 && k % kFilters == 0 &&
                     filters >= std::min(pictures, 4) && pictures * dw.numel() > x.numel() + dy.numel();
  if (dealt)
    by_filters(ctx, filters, problem);
  else
    by_pictures(ctx, pictures, problem);
}

}  // namespace fledge::onednn
