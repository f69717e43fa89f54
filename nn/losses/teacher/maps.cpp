#include "nn/losses/teacher/maps.h"

#include <algorithm>

#include "base/error.h"
#include "tensor/ops/eltwise.h"

namespace fledge {
namespace {

/// Row i of `size` along the middle axis of x, as the header says.
Tensor resized_row(const Tensor& x, std::int64_t i, std::int64_t size) {
  const std::int64_t from = x.dim(1);
  const auto old = [&](std::int64_t j) { return x.slice(1, j, 1); };
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

/// x: N,H,W,C  axis: 1 or 2. Seen as outer x rows x inner, so that each op walks whole runs of memory.
Tensor resize_axis(const Tensor& x, int axis, std::int64_t size) {
  Dims dims = x.dims();
  if (dims[axis] == size) return x;
  const std::int64_t outer = axis == 1 ? dims[0] : dims[0] * dims[1], inner = axis == 1 ? dims[2] * dims[3] : dims[3];
  const Tensor rows = x.reshape({outer, dims[axis], inner});
  const Tensor y = Tensor::empty({outer, size, inner}, x.dtype(), Layout::Contiguous, x.device());
  for (std::int64_t i = 0; i < size; ++i) y.slice(1, i, 1).copy_from(resized_row(rows, i, size));
  dims[axis] = size;
  return y.reshape(dims);
}

}  // namespace

Tensor resize_map(const Tensor& map, std::int64_t height, std::int64_t width) {
  if (map.rank() != 4 || map.dim(2) < 1 || map.dim(3) < 1 || height < 1 || width < 1)
    throw Error(ErrorKind::Usage, "resize_map",
                "cannot bring " + describe(map) + " to " + std::to_string(height) + "x" + std::to_string(width),
                "maps are N,C,H,W with pixels");
  if (map.dim(2) == height && map.dim(3) == width) return map;
  const Tensor x = map.contiguous(Layout::ChannelsLast).transpose(1, 2).transpose(2, 3);
  // The axis that shrinks more comes first: less to do for the other.
  const bool rows_first = height * map.dim(3) < width * map.dim(2);
  const Tensor y =
      rows_first ? resize_axis(resize_axis(x, 1, height), 2, width) : resize_axis(resize_axis(x, 2, width), 1, height);
  return y.transpose(2, 3).transpose(1, 2);
}

}  // namespace fledge
