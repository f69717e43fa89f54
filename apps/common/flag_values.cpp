#include "apps/common/flag_values.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "kernels/api/error.h"

namespace fledge {
namespace {

bool fits(const std::string& digits, bool below_zero) {
  const char *first = digits.data(), *last = first + digits.size();
  std::uint64_t value = 0;
  if (std::from_chars(first, last, value).ec != std::errc()) return false;
  return !below_zero || value <= std::uint64_t{1} << 63;
}

/// The number in decimal without leading zeros, which CLI11 would take for octal.
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

}  // namespace

void check_values(CLI::App& verb) {
  for (CLI::Option* option : verb.get_options()) {
    const std::string type = option->get_type_name();
    const auto first = [&](std::string (*check)(std::string&)) { option->transform(CLI::Validator(check, "")); };
    if (type.starts_with("INT") || type.starts_with("UINT")) first(whole_number);
    const bool endless = option->get_default_str() == "inf";  // a bound that is none unless it is set
    if (type.starts_with("FLOAT")) first(endless ? number : finite_number);
    if (type.starts_with("BOOLEAN")) first(truth);
  }
  for (CLI::App* inner : verb.get_subcommands({})) check_values(*inner);
}

CLI::Validator at_least_zero() {
  return CLI::Validator(
      [](std::string& value) {
        return std::strtod(value.c_str(), nullptr) >= 0 ? std::string() : value + " is below 0";
      },
      "NONNEGATIVE");
}

void refuse_passed_over(const CLI::App& verb, const std::string& when,
                        const std::function<bool(const std::string&, const std::string&)>& passed_over) {
  for (const CLI::Option* o : verb.get_options()) {
    if (o->count() == 0 || o->get_lnames().empty()) continue;
    const std::string& name = o->get_lnames()[0];
    const std::string own = o->get_expected_max() == 0 ? "false" : o->get_default_str();
    if (o->results().back() != own && passed_over(o->get_group(), name))
      throw Error(ErrorKind::Usage, "", "--" + name + " says nothing " + when, "leave it out");
  }
}

}  // namespace fledge
