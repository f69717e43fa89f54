// Operands written as text: numbers in decimal, strings with escapes (protocol 0, and Python 2's long integers in any
// protocol). Private to io/pickle.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fledge::pickle {

/// A decimal integer. `value` is empty when it is one, but beyond 64 bits. `valid` is false for anything else.
struct DecimalInteger {
  bool valid = false;
  std::optional<std::int64_t> value;
};
DecimalInteger parse_integer(std::string_view text);

std::optional<double> parse_float(std::string_view text);  // "1.5", "inf", "-nan"

/// Little-endian two's complement of any length; empty when it does not fit 64 bits.
std::optional<std::int64_t> binary_integer(std::string_view bytes);

/// 'a\'b\n\x41' with its quotes, as Python's repr of a byte string. Empty when it is none.
std::optional<std::string> unescape_string(std::string_view quoted);

/// Raw unicode escapes (\u00e9, \U0001f426), other bytes as Latin-1; gives UTF-8. Empty when an escape is cut.
std::optional<std::string> unescape_unicode(std::string_view raw);

}  // namespace fledge::pickle
