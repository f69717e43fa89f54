#include "io/pickle/text_operands.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "io/utf8.h"

namespace fledge::pickle {
namespace {

std::optional<std::uint32_t> hex(std::string_view digits) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (error != std::errc() || end != digits.data() + digits.size() || digits.empty()) return std::nullopt;
  return value;
}

/// The escapes of one character after the backslash; 0 for others.
char simple_escape(char c) {
  switch (c) {
    case 'n':
      return '\n';
    case 't':
      return '\t';
    case 'r':
      return '\r';
    case '\\':
    case '\'':
    case '"':
      return c;
    default:
      return 0;
  }
}

}  // namespace

DecimalInteger parse_integer(std::string_view text) {
  std::string_view digits = text;
  if (!digits.empty() && (digits[0] == '-' || digits[0] == '+')) digits.remove_prefix(1);
  const bool all_digits = std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (digits.empty() || !all_digits) return {};
  if (text[0] == '+') text.remove_prefix(1);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range) return {true, std::nullopt};
  return {true, value};
}

std::optional<double> parse_float(std::string_view text) {
  double value = 0;
  if (!text.empty() && text[0] == '+') text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::invalid_argument || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::int64_t> binary_integer(std::string_view bytes) {
  const bool negative = !bytes.empty() && (bytes.back() & 0x80);
  const char fill = negative ? '\xff' : '\0';
  while (bytes.size() > 8) {
    if (bytes.back() != fill || ((bytes[bytes.size() - 2] & 0x80) != 0) != negative) return std::nullopt;
    bytes.remove_suffix(1);
  }
  std::int64_t value = negative ? -1 : 0;
  std::memcpy(&value, bytes.data(), bytes.size());
  return value;
}

std::optional<std::string> unescape_string(std::string_view quoted) {
  if (quoted.size() < 2 || quoted.front() != quoted.back() || (quoted[0] != '\'' && quoted[0] != '"'))
    return std::nullopt;
  quoted = quoted.substr(1, quoted.size() - 2);
  std::string plain;
  for (std::size_t i = 0; i < quoted.size(); ++i) {
    if (quoted[i] != '\\') {
      plain += quoted[i];
      continue;
    }
    if (++i == quoted.size()) return std::nullopt;
    if (quoted[i] == 'x') {
      const auto code = hex(quoted.substr(i + 1, 2));
      if (!code || i + 2 >= quoted.size()) return std::nullopt;
      plain += static_cast<char>(*code);
      i += 2;
    } else if (const char c = simple_escape(quoted[i])) {
      plain += c;
    } else {
      return std::nullopt;
    }
  }
  return plain;
}

std::optional<std::string> unescape_unicode(std::string_view raw) {
  std::string plain;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    const bool escape = raw[i] == '\\' && i + 1 < raw.size() && (raw[i + 1] == 'u' || raw[i + 1] == 'U');
    if (!escape) {
      append_utf8(plain, static_cast<unsigned char>(raw[i]));
      continue;
    }
    const std::size_t digits = raw[i + 1] == 'u' ? 4 : 8;
    const std::string_view text = raw.substr(std::min(raw.size(), i + 2), digits);
    const auto code = hex(text);
    if (!code || text.size() != digits || *code > 0x10ffff) return std::nullopt;
    append_utf8(plain, *code);
    i += 1 + digits;
  }
  return plain;
}

}  // namespace fledge::pickle
