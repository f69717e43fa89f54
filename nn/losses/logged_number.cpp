#include "nn/losses/logged_number.h"

namespace fledge {

LoggedNumber::LoggedNumber(const Tensor& element) {
  if (element.device().type == Device::Type::CPU)
    value_ = element.item();
  else
    tensor_ = element;
}

std::vector<std::pair<std::string, double>> values_of(const LossNumbers& numbers) {
  std::vector<std::pair<std::string, double>> values;
  for (const auto& [name, number] : numbers) values.emplace_back(name, number.value());
  return values;
}

}  // namespace fledge
