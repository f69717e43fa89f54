#include "tensor/ops/gather.h"

#include "tensor/ops/call/check.h"
#include "tensor/ops/call/dispatch.h"
#include "tensor/ops/call/layout.h"

namespace fledge {

namespace {

[[noreturn]] void fail_range(const char* op, std::int64_t position, std::int64_t value, std::int64_t size) {
  check::fail(op, "index[" + std::to_string(position) + "] = " + std::to_string(value) + " is not in [0, " +
                      std::to_string(size) + ")");
}

// The CPU's kernels trust indices, so they are read here. A GPU's would have to be waited for: its kernels look
// themselves, and give NaN for an index out of range (kernels/api/gather.h).
void check_index(const char* op, const Tensor& like, const Tensor& index, std::int64_t size) {
  check::rank(op, {index, "index"}, 1);
  check::dtype(op, {index, "index"}, DType::Int64);
  check::same_device(op, {like, "input"}, {index, "index"});
  auto check_values = [&](const std::int64_t* values, std::int64_t stride) {
    for (std::int64_t i = 0, n = index.dim(0); i < n; ++i) {
      const std::int64_t v = values[i * stride];
      if (v < 0 || v >= size) [[unlikely]]
        fail_range(op, i, v, size);
    }
  };
  if (index.device().type == Device::Type::CPU) check_values(index.data<std::int64_t>(), index.strides()[0]);
}

void check_rows(const char* op, const char* name, const Tensor& t, const Tensor& index) {
  if (t.dim(0) != index.dim(0)) [[unlikely]] {
    check::fail(op, std::string(name) + " and index must have one row each: " + name + " " + describe(t) + ", index " +
                        describe(index));
  }
}

Tensor matrix(std::int64_t rows, std::int64_t columns, const Tensor& like) {
  return Tensor::empty({rows, columns}, like.dtype(), Layout::Contiguous, like.device());
}

}  // namespace

Tensor take_along_row(const Tensor& x, const Tensor& index) {
  constexpr const char* op = "take_along_row";
  check::rank(op, {x, "input"}, 2);
  check_index(op, x, index, x.dim(1));
  check_rows(op, "input", x, index);
  const auto forward = kernel<&KernelTable::gather, &GatherKernels::take_along_row>(op, x);
  Tensor y = Tensor::empty({x.dim(0)}, x.dtype(), Layout::Contiguous, x.device());
  if (y.numel() > 0) forward(context(), ContiguousArg(op, "input", x), ContiguousArg(op, "index", index), y.view());
  return y;
}

Tensor take_along_row_backward(const Tensor& dy, const Tensor& index, std::int64_t columns) {
  constexpr const char* op = "take_along_row_backward";
  check::rank(op, {dy, "output gradient"}, 1);
  check_index(op, dy, index, columns);
  check_rows(op, "output gradient", dy, index);
  const auto backward = kernel<&KernelTable::gather, &GatherKernels::take_along_row_backward>(op, dy);
  Tensor dx = matrix(dy.dim(0), columns, dy);
  if (dx.numel() == 0) return dx;
  backward(context(), ContiguousArg(op, "output gradient", dy), ContiguousArg(op, "index", index), dx.view());
  return dx;
}

Tensor index_select(const Tensor& x, const Tensor& index) {
  constexpr const char* op = "index_select";
  check::rank(op, {x, "input"}, 2);
  check_index(op, x, index, x.dim(0));
  const auto forward = kernel<&KernelTable::gather, &GatherKernels::index_select>(op, x);
  Tensor y = matrix(index.dim(0), x.dim(1), x);
  if (y.numel() > 0) forward(context(), ContiguousArg(op, "input", x), ContiguousArg(op, "index", index), y.view());
  return y;
}

Tensor index_select_backward(const Tensor& dy, const Tensor& index, std::int64_t rows) {
  constexpr const char* op = "index_select_backward";
  check::rank(op, {dy, "output gradient"}, 2);
  check_index(op, dy, index, rows);
  check_rows(op, "output gradient", dy, index);
  const auto backward = kernel<&KernelTable::gather, &GatherKernels::index_select_backward>(op, dy);
  Tensor dx = matrix(rows, dy.dim(1), dy);
  if (dx.numel() == 0) return dx;
  backward(context(), ContiguousArg(op, "output gradient", dy), ContiguousArg(op, "index", index), dx.view());
  return dx;
}

Tensor concat(const std::vector<Tensor>& parts, int axis) {
  constexpr const char* op = "concat";
  if (parts.empty()) check::fail(op, "there is nothing to join");
  const Tensor& first = parts.front();
  check::defined(op, {first, "part 0"});
  const int positive = axis < 0 ? axis + first.rank() : axis;
  if (positive < 0 || positive >= first.rank())
    check::fail(op, "no axis " + std::to_string(axis) + ": part 0 " + describe(first));
  Dims dims = first.dims();
  dims[positive] = 0;
  for (const Tensor& part : parts) {
    check::defined(op, {part, "a part"});
    check::same_kind(op, {first, "part 0"}, {part, "another part"});
    Dims others = part.dims();
    if (part.rank() == first.rank()) others[positive] = first.dims()[positive];
    if (!(others == first.dims())) {
      check::fail(op, "parts must agree in all sizes but axis " + std::to_string(positive) + ": " + describe(first) +
                          ", " + describe(part));
    }
    dims[positive] += part.dims()[positive];
  }
  const Layout layout = prefers_channels_last(first) ? Layout::ChannelsLast : Layout::Contiguous;
  Tensor joined = Tensor::empty(dims, first.dtype(), layout, first.device());
  std::int64_t start = 0;
  for (const Tensor& part : parts) {
    joined.slice(positive, start, part.dims()[positive]).copy_from(part);
    start += part.dims()[positive];
  }
  return joined;
}

}  // namespace fledge
