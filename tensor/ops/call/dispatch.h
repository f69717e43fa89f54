// From a tensor to the kernel: device -> backend -> table of the dtype -> entry. The one indirect call of an op.
#pragma once
#include "tensor/context.h"
#include "tensor/tensor.h"

namespace fledge {

/// backend_for, without its search for the device nearly every call is about.
inline const Backend& backend_of(Device device) {
  static const Backend& cpu = backend_for(Device{});
  return device.type == Device::Type::CPU ? cpu : backend_for(device);
}

using HasKernel = bool (*)(const KernelTable&);
/// Throws Error(Usage): "[max_pool2d_backward] not implemented by 'cuda' for float64; available: ref".
[[noreturn]] void fail_missing_kernel(const char* op, const Backend& backend, DType dtype, HasKernel has);
/// Throws Error(Usage): integers are not computed with.
[[noreturn]] void fail_not_computed(const char* op, const Backend& backend, DType dtype);

/// The entry that computes for `t`: kernel<&KernelTable::conv, &ConvKernels::forward>("conv2d", x).
template <auto Family, auto Entry>
auto kernel(const char* op, const Tensor& t) {
  const Backend& backend = backend_of(t.device());
  const DType dtype = t.dtype();
  if (!is_floating(dtype)) [[unlikely]]
    fail_not_computed(op, backend, dtype);
  const auto entry = (backend.table(dtype).*Family).*Entry;
  if (!entry) [[unlikely]] {
    fail_missing_kernel(op, backend, dtype, [](const KernelTable& table) { return (table.*Family).*Entry != nullptr; });
  }
  return entry;
}

/// Whether the table that computes for `t` has the entry.
template <auto Family, auto Entry>
bool has_kernel(const Tensor& t) {
  return is_floating(t.dtype()) && (backend_of(t.device()).table(t.dtype()).*Family).*Entry != nullptr;
}

}  // namespace fledge
