// UTF-8 by utf8proc. For io and data; what may be shown on a terminal is base/escape.h's.
#pragma once
#include <utf8proc.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace fledge {

/// The bytes of one code point of at most U+10FFFF; a surrogate, which the text of another program may hold, as three.
inline void append_utf8(std::string& to, std::uint32_t code) {
  utf8proc_uint8_t bytes[4];
  const utf8proc_ssize_t size = utf8proc_encode_char(static_cast<utf8proc_int32_t>(code), bytes);
  to.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
}

/// No overlong forms, no surrogates.
inline bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    utf8proc_int32_t code = 0;
    const utf8proc_ssize_t size = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                                   static_cast<utf8proc_ssize_t>(text.size()), &code);
    if (size < 1) return false;
    text.remove_prefix(static_cast<std::size_t>(size));
  }
  return true;
}

}  // namespace fledge
