// Views of a tensor: other sizes and strides on the same storage.
#include "tensor/strides.h"
#include "tensor/tensor.h"

namespace fledge {

namespace {

[[noreturn]] void fail(const char* op, const Tensor& t, const std::string& problem, const std::string& hint = "") {
  throw Error(ErrorKind::Usage, op, problem + ": tensor " + describe(t), hint);
}

int checked_axis(const char* op, const Tensor& t, int axis) {
  const int positive = axis < 0 ? axis + t.rank() : axis;
  if (positive < 0 || positive >= t.rank()) [[unlikely]]
    fail(op, t, "no axis " + std::to_string(axis));
  return positive;
}

// Fills in the one size given as -1.
Dims completed(const Tensor& t, const Dims& dims) {
  Dims result = dims;
  int open = -1;
  std::int64_t known = 1;
  for (int i = 0; i < dims.rank(); ++i) {
    if (dims[i] == -1 && open < 0) {
      open = i;
    } else if (dims[i] < 0) {
      fail("reshape", t, "cannot become " + to_string(dims), "one size may be -1, the others must not be negative");
    } else {
      known *= dims[i];
    }
  }
  if (open >= 0) {
    if (known == 0 || t.numel() % known != 0) {
      fail("reshape", t, "its " + std::to_string(t.numel()) + " elements do not divide into " + to_string(dims));
    }
    result[open] = t.numel() / known;
  } else if (known != t.numel()) {
    fail("reshape", t,
         "its " + std::to_string(t.numel()) + " elements do not fit " + to_string(dims) + " (" + std::to_string(known) +
             " elements)");
  }
  return result;
}

}  // namespace

Tensor Tensor::reshape(const Dims& dims) const {
  require_defined(*this, "reshape");
  const Dims wanted = completed(*this, dims);
  if (wanted == dims_) return *this;
  if (auto strides = reshaped_strides(dims_, strides_, wanted))
    return Tensor(storage_, offset_, wanted, *strides, dtype_);
  const Tensor dense = contiguous();
  return Tensor(dense.storage_, 0, wanted, contiguous_strides(wanted), dtype_);
}

Tensor Tensor::transpose(int a, int b) const {
  require_defined(*this, "transpose");
  a = checked_axis("transpose", *this, a);
  b = checked_axis("transpose", *this, b);
  Dims dims = dims_, strides = strides_;
  std::swap(dims[a], dims[b]);
  std::swap(strides[a], strides[b]);
  return Tensor(storage_, offset_, dims, strides, dtype_);
}

Tensor Tensor::slice(int axis, std::int64_t start, std::int64_t length) const {
  require_defined(*this, "slice");
  axis = checked_axis("slice", *this, axis);
  if (start < 0 || length < 0 || start > dims_[axis] - length) [[unlikely]] {
    fail("slice", *this,
         "elements [" + std::to_string(start) + ", " + std::to_string(start + length) + ") of axis " +
             std::to_string(axis) + " are not all there");
  }
  Dims dims = dims_;
  dims[axis] = length;
  return Tensor(storage_, offset_ + start * strides_[axis], dims, strides_, dtype_);
}

Tensor Tensor::expand(const Dims& dims) const {
  require_defined(*this, "expand");
  if (dims == dims_) return *this;
  const int missing = dims.rank() - rank();
  if (missing < 0) fail("expand", *this, "cannot become " + to_string(dims), "axes can be added, not removed");
  Dims strides = Dims::filled(dims.rank(), 0);
  for (int i = missing; i < dims.rank(); ++i) {
    const std::int64_t size = dims_[i - missing];
    if (size == dims[i]) {
      strides[i] = strides_[i - missing];
    } else if (size != 1) {
      fail("expand", *this, "cannot become " + to_string(dims), "only axes of size 1 are repeated");
    }
  }
  return Tensor(storage_, offset_, dims, strides, dtype_);
}

}  // namespace fledge
