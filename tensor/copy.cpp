// Writing into a tensor's memory, and bringing values to the host.
#include <bit>
#include <type_traits>

#include "tensor/context.h"
#include "tensor/ops/call/check.h"
#include "tensor/ops/call/dispatch.h"
#include "tensor/tensor.h"

namespace fledge {

namespace {

float value_of(BFloat16 v) { return widen(v); }
template <class S>
S value_of(S v) {
  return v;
}

template <class T>
void convert(DType dtype, const void* from, T* to, std::int64_t n) {
  with_type(dtype, [&](auto type) {
    const auto* source = static_cast<const decltype(type)*>(from);
    for (std::int64_t i = 0; i < n; ++i) to[i] = static_cast<T>(value_of(source[i]));
  });
}

// The values row-major in host memory, converted.
template <class T>
void to_host(const Tensor& t, T* to) {
  const Tensor dense = t.contiguous();
  const std::int64_t n = dense.numel();
  if (n == 0) return;
  if (dense.device().type == Device::Type::CPU) return convert(dense.dtype(), dense.raw(), to, n);
  const Backend& backend = backend_of(dense.device());
  std::vector<std::byte> bytes(static_cast<std::size_t>(n) * size_of(dense.dtype()));
  backend.synchronize();
  backend.copy_bytes(bytes.data(), dense.raw(), bytes.size());
  convert(dense.dtype(), bytes.data(), to, n);
}

}  // namespace

void Tensor::copy_from(const Tensor& source) const {
  check::defined("copy_from", {*this, "target"});
  check::defined("copy_from", {source, "source"});
  check::writable("copy_from", {*this, "target"});
  check::same_dims("copy_from", {*this, "target"}, {source, "source"});
  if (source.device() != device()) return copy_from(source.to(device()));
  if (numel() > 0) {
    const Backend& backend = backend_of(device());
    const auto copy = backend.table(dtype_).eltwise.copy;  // one kernel for all pairs of dtypes: either table's will do
    (copy ? copy : backend.f32.eltwise.copy)(context(), source.view(), view());
  }
  bump_version();
}

void Tensor::fill(double value) const {
  check::defined("fill", {*this, "tensor"});
  check::writable("fill", {*this, "tensor"});
  if (numel() > 0) {
    const Backend& backend = backend_of(device());
    const auto fill = backend.table(dtype_).eltwise.fill;
    (fill ? fill : backend.f32.eltwise.fill)(context(), view(), value);
  }
  bump_version();
}

double Tensor::item() const {
  check::defined("item", {*this, "tensor"});
  if (numel() != 1)
    check::fail("item", "one element is needed: tensor " + describe(*this), "reduce it first, e.g. with mean");
  double value;
  to_host(*this, &value);
  return value;
}

template <class T>
std::vector<T> Tensor::to_vector() const {
  check::defined("to_vector", {*this, "tensor"});
  std::vector<T> values(static_cast<std::size_t>(numel()));
  to_host(*this, values.data());
  return values;
}

template std::vector<float> Tensor::to_vector() const;
template std::vector<double> Tensor::to_vector() const;
template std::vector<std::int32_t> Tensor::to_vector() const;
template std::vector<std::int64_t> Tensor::to_vector() const;
template std::vector<std::uint8_t> Tensor::to_vector() const;

}  // namespace fledge
