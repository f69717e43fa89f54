// Values of flags, read as people mean them. Each function says what is wrong
// with a text, or nothing; it may rewrite it.
#pragma once
#include <string>

namespace fledge {

/// A whole number of 64 bits in decimal, where 010 is ten; its leading zeros go, as CLI11 would take it for octal.
std::string whole_number(std::string& value);
/// A number that is no NaN and does not vanish; finite_number: no infinity either.
std::string number(std::string& value);
std::string finite_number(std::string& value);
/// A word for true or false, or 1 or 0.
std::string truth(std::string& value);

}  // namespace fledge
