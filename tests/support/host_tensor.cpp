#include "tests/support/host_tensor.h"

#include <cstdint>
#include <cstring>

#include "kernels/ref/cast.h"

namespace fledge::test {
namespace {

constexpr std::size_t kAlignment = 64, kCanary = 256;
constexpr unsigned char kCanaryByte = 0xA5;

}  // namespace

const char* name_of(HostLayout layout) { return layout == HostLayout::Contiguous ? "contiguous" : "channels_last"; }

HostTensor::HostTensor(const Dims& dims, DType dtype, HostLayout layout) {
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
}

HostTensor::HostTensor(const Dims& dims, std::initializer_list<double> values, DType dtype, HostLayout layout)
    : HostTensor(dims, dtype, layout) {
  assert(static_cast<std::int64_t>(values.size()) == dims.numel());
  std::int64_t number = 0;
  for (double v : values) set(number++, v);
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
  double value = 0;
  ref::with_type(view_.dtype, [&](auto t) { value = ref::cast<double>(view_.as<decltype(t)>()[offset_of(number)]); });
  return value;
}

void HostTensor::set(std::int64_t number, double value) {
  ref::with_type(view_.dtype, [&](auto t) {
    using T = decltype(t);
    view_.as<T>()[offset_of(number)] = ref::cast<T>(value);
  });
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
  HostTensor out(view_.dims, dtype, layout);
  out.fill_from([&](std::int64_t i) { return get(i); });
  return out;
}

void HostTensor::use_slot() {
  holder_ = std::make_unique<SlotHolder>();
  view_.holder = holder_.get();
}

bool HostTensor::canaries_intact() const {
  for (std::size_t i = 0; i < kCanary; ++i)
    if (memory_[start_ - 1 - i] != kCanaryByte || memory_[start_ + bytes_ + i] != kCanaryByte) return false;
  return true;
}

}  // namespace fledge::test
