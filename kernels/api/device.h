// Where a tensor's bytes live.
#pragma once
#include <string>

namespace fledge {

struct Device {
  enum class Type : unsigned char { CPU, GPU };
  Type type = Type::CPU;
  int index = 0;

  friend bool operator==(const Device&, const Device&) = default;
};

/// What --device calls the machine's kind of GPU, "cuda": the first of kernels/backends.cpp whose driver is there.
const char* gpu_name();
/// "cpu" or "cuda:0".
inline std::string to_string(const Device& d) {
  return d.type == Device::Type::CPU ? std::string("cpu") : gpu_name() + (":" + std::to_string(d.index));
}

}  // namespace fledge
