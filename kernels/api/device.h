// Where a tensor's bytes live.
#pragma once
#include <string>

namespace fledge {

struct Device {
  enum class Type : unsigned char { CPU, CUDA };
  Type type = Type::CPU;
  int index = 0;

  friend bool operator==(const Device&, const Device&) = default;
};

/// "cpu" or "cuda:0".
inline std::string to_string(const Device& d) {
  return d.type == Device::Type::CPU ? std::string("cpu") : "cuda:" + std::to_string(d.index);
}

}  // namespace fledge
