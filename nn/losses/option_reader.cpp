#include "nn/losses/option_reader.h"

#include <charconv>
#include <cmath>
#include <sstream>

#include "base/error.h"
#include "base/suggest.h"

namespace fledge {
namespace {

std::string short_number(double v) {
  std::ostringstream text;
  text << v;
  return text.str();
}

}  // namespace

const std::string& OptionReader::text(const std::string& name) const {
  const auto found = options_.find(name);
  if (found == options_.end())
    throw Error(ErrorKind::Internal, "loss " + loss_, "option '" + name + "' is not declared");
  return found->second;
}

void OptionReader::refuse(const std::string& name, const std::string& expected) const {
  throw Error(ErrorKind::Usage, "loss " + loss_, name + " is '" + text(name) + "'", "it must be " + expected);
}

double OptionReader::number(const std::string& name, double low, double high) const {
  const std::string& value = text(name);
  double number = 0;
  // Not strtod: the decimal point must not depend on the locale.
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  const bool whole = error == std::errc() && end == value.data() + value.size();
  if (!whole || !std::isfinite(number) || !(number >= low && number <= high)) {
    const std::string range = std::isinf(high) ? "of at least " + short_number(low)
                                               : "between " + short_number(low) + " and " + short_number(high);
    refuse(name, "a number " + range);
  }
  return number;
}

std::int64_t OptionReader::whole_number(const std::string& name, std::int64_t low, std::int64_t high) const {
  const double value = number(name, static_cast<double>(low), static_cast<double>(high));
  if (value != std::floor(value)) refuse(name, "a whole number");
  return static_cast<std::int64_t>(value);
}

int OptionReader::choice(const std::string& name, const std::vector<std::string>& choices) const {
  std::string all;
  for (std::size_t i = 0; i < choices.size(); ++i) {
    if (text(name) == choices[i]) return static_cast<int>(i);
    all += (i ? ", " : "one of ") + choices[i];
  }
  const std::string near = suggest(text(name), choices);
  refuse(name, all + (near.empty() ? "" : "; did you mean '" + near + "'?"));
}

bool OptionReader::flag(const std::string& name) const {
  const std::string& value = text(name);
  if (value == "on" || value == "true" || value == "yes" || value == "1") return true;
  if (value == "off" || value == "false" || value == "no" || value == "0") return false;
  refuse(name, "on or off");
}

}  // namespace fledge
