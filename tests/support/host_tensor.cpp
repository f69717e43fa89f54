#include "tests/support/host_tensor.h"

#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "kernels/api/backend.h"
#include "kernels/ref/cast.h"

namespace fledge::test {
namespace {

constexpr std::size_t kAlignment = 64, kCanary = 256;
constexpr unsigned char kCanaryByte = 0xA5;

std::size_t round_up(std::size_t n, std::size_t step) { return (n + step - 1) / step * step; }

/// Does each tensor have device memory of its own, with nothing behind it that a kernel could read?
bool ends_flush() {
  const char* mode = std::getenv("FLEDGE_CUDA_ALLOCATOR");
  return mode && std::strcmp(mode, "direct") == 0;
}

}  // namespace

/// Device memory that mirrors the canaries and the data between them.
struct HostTensor::DeviceCopy {
  const Backend& backend;
  std::size_t behind;  // canary bytes
  std::size_t total;
  unsigned char* memory;
  unsigned char* data;
  bool stale = true;     // the host's bytes are newer
  bool written = false;  // a kernel has had the view

  DeviceCopy(const Backend& b, std::size_t bytes)
      : backend(b),
        behind(ends_flush() ? round_up(bytes, 16) - bytes : kCanary),
        // The device's blocks are multiples of 512 bytes: this one is used up to its end.
        total(round_up(kCanary + bytes + behind, 512)),
        memory(static_cast<unsigned char*>(b.allocate(total))),
        data(ends_flush() ? memory + total - behind - bytes : memory + kCanary) {}
  ~DeviceCopy() { backend.deallocate(memory, total); }
  DeviceCopy(const DeviceCopy&) = delete;
};

const char* name_of(HostLayout layout) { return layout == HostLayout::Contiguous ? "contiguous" : "channels_last"; }

HostTensor::HostTensor(const Dims& dims, DType dtype, HostLayout layout, const Backend* backend) {
  bytes_ = static_cast<std::size_t>(dims.numel()) * size_of(dtype);
  const std::size_t total = bytes_ + 2 * kCanary + kAlignment;
  memory_.reset(new unsigned char[total]);
  std::memset(memory_.get(), kCanaryByte, total);
  const auto address = reinterpret_cast<std::uintptr_t>(memory_.get()) + kCanary;
  start_ = kCanary + (kAlignment - address % kAlignment) % kAlignment;
  std::memset(memory_.get() + start_, 0xFF, bytes_);
  view_.data = memory_.get() + start_;
  view_.dims = dims;
  view_.dtype = dtype;
  view_.strides =
      layout == HostLayout::ChannelsLast && dims.rank() == 4 ? channels_last_strides(dims) : contiguous_strides(dims);
  if (!backend || backend->device == Device::Type::CPU) return;
  device_ = std::make_unique<DeviceCopy>(*backend, bytes_);
  view_.data = device_->data;
  view_.device = {backend->device, 0};
}

HostTensor::HostTensor(const Dims& dims, std::initializer_list<double> values, DType dtype, HostLayout layout,
                       const Backend* backend)
    : HostTensor(dims, dtype, layout, backend) {
  assert(static_cast<std::int64_t>(values.size()) == dims.numel());
  std::int64_t number = 0;
  for (double v : values) set(number++, v);
}

HostTensor::HostTensor(HostTensor&&) = default;
HostTensor& HostTensor::operator=(HostTensor&&) = default;
HostTensor::~HostTensor() = default;

const TensorView& HostTensor::view() const {
  if (!device_) return view_;
  if (device_->stale)
    device_->backend.copy_bytes(device_->data - kCanary, memory_.get() + start_ - kCanary,
                                kCanary + bytes_ + device_->behind);
  device_->stale = false;
  device_->written = true;
  return view_;
}

/// Brings the device's bytes to the host if a kernel may have written them.
void HostTensor::fetch() const {
  if (!device_ || !device_->written) return;
  device_->backend.copy_bytes(memory_.get() + start_ - kCanary, device_->data - kCanary,
                              kCanary + bytes_ + device_->behind);
  device_->written = false;
}

std::int64_t HostTensor::offset_of(std::int64_t number) const {
  std::int64_t offset = 0;
  for (int axis = view_.dims.rank() - 1; axis >= 0; --axis) {
    offset += number % view_.dims[axis] * view_.strides[axis];
    number /= view_.dims[axis];
  }
  return offset;
}

double HostTensor::get(std::int64_t number) const {
  fetch();
  double value = 0;
  with_type(view_.dtype, [&](auto t) {
    value = ref::cast<double>(static_cast<const decltype(t)*>(host_data())[offset_of(number)]);
  });
  return value;
}

void HostTensor::set(std::int64_t number, double value) {
  fetch();
  with_type(view_.dtype, [&](auto t) {
    using T = decltype(t);
    reinterpret_cast<T*>(memory_.get() + start_)[offset_of(number)] = ref::cast<T>(value);
  });
  if (device_) device_->stale = true;
}

std::vector<double> HostTensor::values() const {
  std::vector<double> out;
  for (std::int64_t i = 0; i < view_.numel(); ++i) out.push_back(get(i));
  return out;
}

void HostTensor::fill_from(const std::function<double(std::int64_t)>& value) {
  for (std::int64_t i = 0; i < view_.numel(); ++i) set(i, value(i));
}

HostTensor HostTensor::as(DType dtype, HostLayout layout) const {
  HostTensor out(view_.dims, dtype, layout, device_ ? &device_->backend : nullptr);
  out.fill_from([&](std::int64_t i) { return get(i); });
  return out;
}

void HostTensor::use_slot() {
  holder_ = std::make_unique<SlotHolder>();
  view_.holder = holder_.get();
}

bool HostTensor::canaries_intact() const {
  fetch();
  for (std::size_t i = 0; i < kCanary; ++i)
    if (memory_[start_ - 1 - i] != kCanaryByte || memory_[start_ + bytes_ + i] != kCanaryByte) return false;
  return true;
}

}  // namespace fledge::test
