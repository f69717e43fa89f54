#include "nn/models/external.h"

#include <algorithm>
#include <charconv>

namespace fledge {

bool ExternalTensors::has_below(const std::string& prefix) const {
  return std::any_of(shapes_.begin(), shapes_.end(),
                     [&](const auto& entry) { return entry.first.starts_with(prefix); });
}

const ExternalTensors::Shape* ExternalTensors::filter(const std::string& ours) const {
  const auto found = shapes_.find(ours);
  return found != shapes_.end() && found->second->size() == 4 ? found->second : nullptr;
}

std::int64_t ExternalTensors::channels(const std::string& ours) const {
  const Shape* shape = filter(ours);
  return shape && (*shape)[0] > 0 ? std::min((*shape)[0], std::int64_t{1} << 20) : 0;
}

bool take_number(std::string_view& text, int& number) {
  constexpr std::size_t kMaxDigits = 4;
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos || dot == 0 || dot > kMaxDigits) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + dot, number);
  if (error != std::errc() || end != text.data() + dot || number < 0) return false;
  text.remove_prefix(dot + 1);
  return true;
}

}  // namespace fledge
