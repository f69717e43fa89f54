#include "nn/losses/teacher/maps.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "tensor/creation.h"
#include "tensor/ops/eltwise.h"

namespace fledge {
namespace {

/// What old pixels are of new ones along an axis: to,from, rows of shares that add up to 1.
std::vector<double> axis_shares(std::int64_t from, std::int64_t to) {
  std::vector<double> shares(static_cast<std::size_t>(to * from), 0);
  for (std::int64_t i = 0; i < to; ++i) {
    double* row = shares.data() + i * from;
    if (to < from) {
      const std::int64_t begin = i * from / to, end = ((i + 1) * from + to - 1) / to;
      for (std::int64_t j = begin; j < end; ++j) row[j] = 1 / static_cast<double>(end - begin);
    } else {
      const double ratio = static_cast<double>(from) / static_cast<double>(to);
      const double place = std::max((static_cast<double>(i) + 0.5) * ratio - 0.5, 0.0);
      const std::int64_t left = static_cast<std::int64_t>(place), right = std::min(left + 1, from - 1);
      const double share = place - static_cast<double>(left);
      row[left] += 1 - share;
      row[right] += share;
    }
  }
  return shares;
}

/// y[o, i, :] = sum_j shares[i, j] x[o, j, :]    x: outer,from,inner  y: outer,to,inner, zero
struct AxisSizes {
  std::int64_t outer, from, to, inner;
};

template <class T>
void mix(const T* x, const std::vector<double>& shares, const AxisSizes& s, T* y) {
  for (std::int64_t o = 0; o < s.outer; ++o, x += s.from * s.inner, y += s.to * s.inner)
    for (std::int64_t i = 0; i < s.to; ++i)
      for (std::int64_t j = 0; j < s.from; ++j) {
        const T share = static_cast<T>(shares[static_cast<std::size_t>(i * s.from + j)]);
        if (share == 0) continue;
        const T* source = x + j * s.inner;
        T* target = y + i * s.inner;
        for (std::int64_t c = 0; c < s.inner; ++c) target[c] += share * source[c];
      }
}

/// The same by tensor ops: a few for each new row.
Tensor resize_axis_on_device(const Tensor& x, int axis, const Dims& dims) {
  const std::int64_t from = x.dim(axis), to = dims[axis];
  const std::vector<double> shares = axis_shares(from, to);
  const Tensor y = Tensor::empty(dims, x.dtype(), Layout::ChannelsLast, x.device());
  for (std::int64_t i = 0; i < to; ++i) {
    Tensor row;
    for (std::int64_t j = 0; j < from; ++j) {
      const double share = shares[static_cast<std::size_t>(i * from + j)];
      if (share == 0) continue;
      const Tensor part = affine(x.slice(axis, j, 1), share, 0);
      row = row.defined() ? add(row, part) : part;
    }
    y.slice(axis, i, 1).copy_from(row);
  }
  return y;
}

/// `axis` is 2 or 3. Memory is N,H,W,C on both sides.
Tensor resize_axis(const Tensor& map, int axis, std::int64_t size) {
  Dims dims = map.dims();
  if (dims[axis] == size) return map;
  if (map.device().type != Device::Type::CPU) {
    dims[axis] = size;
    return resize_axis_on_device(map, axis, dims);
  }
  const Tensor x = map.contiguous(Layout::ChannelsLast);
  const AxisSizes sizes{axis == 2 ? dims[0] : dims[0] * dims[2], dims[axis], size,
                        axis == 2 ? dims[3] * dims[1] : dims[1]};
  const std::vector<double> shares = axis_shares(dims[axis], size);
  dims[axis] = size;
  const Tensor y = zeros(dims, x.dtype(), Layout::ChannelsLast);
  if (x.dtype() == DType::Float32)
    mix(x.data<float>(), shares, sizes, y.data<float>());
  else
    mix(x.data<double>(), shares, sizes, y.data<double>());
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
