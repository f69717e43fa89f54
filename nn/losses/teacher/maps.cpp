#include "nn/losses/teacher/maps.h"

#include <algorithm>

#include "base/error.h"
#include "tensor/ops/eltwise.h"

namespace fledge {
namespace {

/// Row i of `size` along the axis, as the header says.
Tensor resized_row(const Tensor& x, int axis, std::int64_t i, std::int64_t size) {
  const std::int64_t from = x.dim(axis);
  const auto old = [&](std::int64_t j) { return x.slice(axis, j, 1); };
  if (size < from) {
    const std::int64_t begin = i * from / size, end = ((i + 1) * from + size - 1) / size;
    Tensor total = old(begin);
    for (std::int64_t j = begin + 1; j < end; ++j) total = add(total, old(j));
    return affine(total, 1 / static_cast<double>(end - begin), 0);
  }
  const double ratio = static_cast<double>(from) / static_cast<double>(size);
  const double place = std::max((static_cast<double>(i) + 0.5) * ratio - 0.5, 0.0);
  const std::int64_t left = static_cast<std::int64_t>(place), right = std::min(left + 1, from - 1);
  return add(old(left), affine(sub(old(right), old(left)), place - static_cast<double>(left), 0));
}

/// `axis` is 2 or 3. Memory is N,H,W,C on both sides.
Tensor resize_axis(const Tensor& map, int axis, std::int64_t size) {
  Dims dims = map.dims();
  if (dims[axis] == size) return map;
  const Tensor x = map.contiguous(Layout::ChannelsLast);
  dims[axis] = size;
  const Tensor y = Tensor::empty(dims, x.dtype(), Layout::ChannelsLast, x.device());
  for (std::int64_t i = 0; i < size; ++i) y.slice(axis, i, 1).copy_from(resized_row(x, axis, i, size));
  return y;
}

}  // namespace

Tensor resize_map(const Tensor& map, std::int64_t height, std::int64_t width) {
  if (map.rank() != 4 || map.dim(2) < 1 || map.dim(3) < 1 || height < 1 || width < 1)
    throw Error(ErrorKind::Usage, "resize_map",
                "cannot bring " + describe(map) + " to " + std::to_string(height) + "x" + std::to_string(width),
                "maps are N,C,H,W with pixels");
  // The axis that shrinks more comes first: less to do for the other.
  const bool rows_first = height * map.dim(3) < width * map.dim(2);
  return rows_first ? resize_axis(resize_axis(map, 2, height), 3, width)
                    : resize_axis(resize_axis(map, 3, width), 2, height);
}

}  // namespace fledge
