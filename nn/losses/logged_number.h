// A number for the log that may still be on its way: a loss on a device hands out the tensor, so that nobody waits for
// the device before the number is wanted.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "tensor/tensor.h"

namespace fledge {

class LoggedNumber {
 public:
  LoggedNumber(double value = 0) : value_(value) {}
  /// One element. On the CPU it is read here; on a device its memory is read by value().
  LoggedNumber(const Tensor& element) {
    if (element.device().type == Device::Type::CPU)
      value_ = element.item();
    else
      tensor_ = element;
  }
  /// Waits for the device where the number is there.
  double value() const { return tensor_.defined() ? tensor_.item() : value_; }
  /// Where the number is to be read; undefined when it is here already.
  const Tensor& tensor() const { return tensor_; }

 private:
  double value_ = 0;
  Tensor tensor_;
};

using LossNumbers = std::vector<std::pair<std::string, LoggedNumber>>;  // name, number
/// All of them read.
inline std::vector<std::pair<std::string, double>> values_of(const LossNumbers& numbers) {
  std::vector<std::pair<std::string, double>> values;
  for (const auto& [name, number] : numbers) values.emplace_back(name, number.value());
  return values;
}

}  // namespace fledge
