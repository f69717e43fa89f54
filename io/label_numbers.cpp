#include "io/label_numbers.h"

#include <algorithm>
#include <string_view>

namespace fledge {
namespace {

/// A plain decimal number in one way of writing it: "1" for 1, 01, 1.0 and +1; "" for other labels.
std::string plain_number(const std::string& label) {
  std::string_view text = label;
  const bool minus = text.starts_with('-');
  if (minus || text.starts_with('+')) text.remove_prefix(1);
  const std::size_t point = std::min(text.find('.'), text.size());
  std::string_view whole = text.substr(0, point), fraction = text.substr(std::min(point + 1, text.size()));
  const auto digits = [](std::string_view t) { return t.find_first_not_of("0123456789") == std::string_view::npos; };
  if (!digits(whole) || !digits(fraction) || whole.size() + fraction.size() == 0) return "";
  while (whole.size() > 1 && whole.front() == '0') whole.remove_prefix(1);
  while (!fraction.empty() && fraction.back() == '0') fraction.remove_suffix(1);
  const std::string number =
      (whole.empty() ? "0" : std::string(whole)) + (fraction.empty() ? "" : ".") + std::string(fraction);
  return (minus && number != "0" ? "-" : "") + number;
}

}  // namespace

const char* const LabelNumbers::kHint =
    "write each class in one way (a column of numbers with gaps becomes 1.0, 2.0, ... in many programs)";

const LabelNumbers::Met* LabelNumbers::other_spelling(const std::string& label, std::size_t place) {
  if (!labels_.insert(label).second) return nullptr;
  const std::string number = plain_number(label);
  if (number.empty()) return nullptr;
  const auto [first, added] = first_.emplace(number, Met{label, place});
  return added ? nullptr : &first->second;
}

std::string LabelNumbers::problem(const std::string& label, const Met& before, const std::string& where) {
  return "label '" + label + "' is the number '" + before.label + "' of " + where + ", written in another way";
}

}  // namespace fledge
