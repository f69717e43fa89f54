#include "tensor/tensor.h"

#include "tensor/ops/call/dispatch.h"
#include "tensor/strides.h"

namespace fledge {

void require_defined(const Tensor& t, const char* op) {
  if (!t.defined()) [[unlikely]]
    throw Error(ErrorKind::Usage, op, "the tensor is undefined", "give it a value first");
}

namespace {

[[noreturn]] void fail_sizes(const Dims& dims, DType dtype, const char* reason) {
  throw Error(ErrorKind::Usage, "empty", std::string(reason) + ": " + to_string(dims) + " " + name_of(dtype));
}

std::size_t bytes_of(const Dims& dims, DType dtype) {
  std::int64_t n = static_cast<std::int64_t>(size_of(dtype));
  for (std::int64_t d : dims) {
    if (d < 0) [[unlikely]]
      fail_sizes(dims, dtype, "sizes must not be negative");
    if (__builtin_mul_overflow(n, d, &n)) [[unlikely]]
      fail_sizes(dims, dtype, "more bytes than an address can count");
  }
  return static_cast<std::size_t>(n);
}

/// Memory for a tensor. What is said when there is none names the tensor.
std::shared_ptr<Storage> storage_for(const Dims& dims, DType dtype, Device device) {
  const std::size_t bytes = bytes_of(dims, dtype);
  try {
    return std::make_shared<Storage>(bytes, device);
  } catch (const Error& e) {
    if (device.type == Device::Type::CPU || e.kind() != ErrorKind::Resource) throw;
    throw Error(e.kind(), e.op(), e.problem() + ", for a tensor " + to_string(dims) + " " + name_of(dtype), e.hint());
  }
}

}  // namespace

Tensor::Tensor(std::shared_ptr<Storage> storage, std::int64_t offset, const Dims& dims, const Dims& strides,
               DType dtype)
    : storage_(std::move(storage)),
      offset_(offset),
      dims_(dims),
      strides_(strides),
      dtype_(dtype),
      contiguous_(strides_contiguous(dims, strides)),
      channels_last_(strides_channels_last(dims, strides)) {}

Tensor Tensor::empty(const Dims& dims, DType dtype, Layout layout, Device device) {
  if (layout == Layout::ChannelsLast && dims.rank() != 4) [[unlikely]] {
    throw Error(ErrorKind::Usage, "empty", "channels-last needs four axes: " + to_string(dims));
  }
  return Tensor(storage_for(dims, dtype, device), 0, dims,
                layout == Layout::ChannelsLast ? channels_last_strides(dims) : contiguous_strides(dims), dtype);
}

Tensor Tensor::empty_like(const Tensor& t) {
  require_defined(t, "empty_like");
  if (!t.is_dense()) return empty(t.dims_, t.dtype_, Layout::Contiguous, t.device());
  return Tensor(storage_for(t.dims_, t.dtype_, t.device()), 0, t.dims_, t.strides_, t.dtype_);
}

Tensor Tensor::empty_pinned(const Dims& dims, DType dtype, Device pinned_for) {
  return Tensor(Storage::pinned(bytes_of(dims, dtype), pinned_for), 0, dims, contiguous_strides(dims), dtype);
}

TensorView Tensor::view() const {
  require_defined(*this, "view");
  // Packed weights belong to the whole storage in its own order; a part or a permutation of it must not find them.
  const bool whole =
      offset_ == 0 && is_dense() && static_cast<std::size_t>(numel()) * size_of(dtype_) == storage_->bytes();
  return {
      raw(), dims_, strides_, dtype_, storage_->device(), storage_->version(), whole ? storage_->holder() : nullptr};
}

void Tensor::check_dtype(DType wanted) const {
  require_defined(*this, "data");
  if (wanted != dtype_) [[unlikely]] {
    throw Error(ErrorKind::Internal, "data",
                std::string("asked for ") + name_of(wanted) + ": tensor " + describe(*this),
                "convert it with to(dtype)");
  }
}

Tensor Tensor::contiguous(Layout layout) const {
  require_defined(*this, "contiguous");
  if (layout == Layout::Contiguous ? contiguous_ : channels_last_) return *this;
  Tensor dense = empty(dims_, dtype_, layout, device());
  dense.copy_from(*this);
  return dense;
}

Tensor Tensor::clone() const {
  Tensor copy = empty_like(*this);
  copy.copy_from(*this);
  return copy;
}

Tensor Tensor::to(DType dtype) const {
  require_defined(*this, "to");
  if (dtype == dtype_) return *this;
  const Dims strides = is_dense() ? strides_ : contiguous_strides(dims_);
  Tensor converted(storage_for(dims_, dtype, device()), 0, dims_, strides, dtype);
  converted.copy_from(*this);
  return converted;
}

Tensor Tensor::to(Device device) const {
  require_defined(*this, "to");
  if (device == this->device()) return *this;
  const Tensor source = is_dense() ? *this : contiguous();
  Tensor moved(storage_for(dims_, dtype_, device), 0, dims_, source.strides_, dtype_);
  const Device gpu = device.type == Device::Type::CPU ? this->device() : device;
  if (numel() > 0)
    backend_of(gpu).copy_bytes(moved.raw(), source.raw(), static_cast<std::size_t>(numel()) * size_of(dtype_));
  return moved;
}

std::string describe(const Tensor& t) {
  if (!t.defined()) return "undefined";
  const char* layout = t.is_contiguous() ? "contiguous" : t.is_channels_last() ? "channels-last" : "strided";
  return to_string(t.dims()) + " " + name_of(t.dtype()) + " " + layout + " " + to_string(t.device());
}

}  // namespace fledge
