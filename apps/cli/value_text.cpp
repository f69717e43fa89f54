#include "apps/cli/value_text.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdlib>

namespace fledge {
namespace {

bool fits(const std::string& digits, bool below_zero) {
  const char *first = digits.data(), *last = first + digits.size();
  std::uint64_t value = 0;
  if (std::from_chars(first, last, value).ec != std::errc()) return false;
  return !below_zero || value <= std::uint64_t{1} << 63;
}

}  // namespace

std::string whole_number(std::string& value) {
  const bool sign = !value.empty() && (value[0] == '-' || value[0] == '+');
  std::string digits = value.substr(sign);
  if (digits.empty() || digits.find_first_not_of("0123456789") != std::string::npos)
    return "'" + value + "' is no whole number";
  digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size() - 1));
  const bool below_zero = sign && value[0] == '-';
  if (!fits(digits, below_zero)) return "'" + value + "' is too large";
  value = (below_zero ? "-" : "") + digits;
  return "";
}

std::string number(std::string& value) {
  char* end = nullptr;
  errno = 0;
  const double v = std::strtod(value.c_str(), &end);
  if (value.empty() || *end != '\0' || std::isnan(v)) return "'" + value + "' is no number";
  if (errno == ERANGE) return "'" + value + (std::abs(v) > 1 ? "' is too large" : "' is too small to be told from 0");
  return "";
}

std::string finite_number(std::string& value) {
  if (std::string problem = number(value); !problem.empty()) return problem;
  return std::isinf(std::strtod(value.c_str(), nullptr)) ? "'" + value + "' is no finite number" : "";
}

std::string truth(std::string& value) {
  static constexpr std::array kWords = {"true", "false", "on", "off", "yes", "no", "1", "0"};
  std::string lower = value;
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (std::find(kWords.begin(), kWords.end(), lower) == kWords.end())
    return "'" + value + "' is neither true nor false";
  return "";
}

}  // namespace fledge
