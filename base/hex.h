// Bytes as hexadecimal digits.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace fledge {

constexpr char kHexDigits[] = "0123456789abcdef";

/// Two digits a byte.
inline std::string hex_of(const unsigned char* bytes, std::size_t size) {
  std::string text;
  for (std::size_t i = 0; i < size; ++i) text += {kHexDigits[bytes[i] >> 4], kHexDigits[bytes[i] & 15]};
  return text;
}

/// Is it just so many lower-case hexadecimal digits?
inline bool is_hex(std::string_view text, std::size_t digits) {
  return text.size() == digits && text.find_first_not_of(kHexDigits) == std::string_view::npos;
}

}  // namespace fledge
