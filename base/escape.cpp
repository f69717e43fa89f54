#include "base/escape.h"

#include <cstdint>

#include "base/hex.h"

namespace fledge {
namespace {

int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/// The character at the front of a text; length 0: none.
struct CodePoint {
  std::uint32_t value = 0;
  std::size_t length = 0;
};

std::size_t length_after(unsigned char lead) {
  if (lead >= 0xc2 && lead < 0xe0) return 2;
  if ((lead & 0xf0) == 0xe0) return 3;
  return lead >= 0xf0 && lead < 0xf5 ? 4 : 0;
}

CodePoint first_of(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const std::size_t length = length_after(lead);
  if (length == 0 || length > text.size()) return {};
  std::uint32_t value = lead & (0x7fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    value = value << 6 | (byte(i) & 0x3fu);
  }
  const bool good = length == 2 || (length == 3 && value >= 0x800 && (value < 0xd800 || value > 0xdfff)) ||
                    (length == 4 && value >= 0x10000 && value <= 0x10ffff);
  return good ? CodePoint{value, length} : CodePoint{};
}

bool is_control(std::uint32_t c) { return c < 0x20 || (c >= 0x7f && c < 0xa0); }

/// Direction marks and the two line separators: they make a line look like another one.
bool misleads(std::uint32_t c) {
  return (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0x200e || c == 0x200f || c == 0x061c ||
         c == 0x2028 || c == 0x2029;
}

void append_escape(std::string& out, char c) {
  const unsigned char byte = static_cast<unsigned char>(c);
  out += {'\\', 'x', kHexDigits[byte >> 4], kHexDigits[byte & 15]};
}

/// The byte of the escape at the front of `text`, or -1.
int escape_at(std::string_view text) {
  if (text.size() < 4 || text[0] != '\\' || text[1] != 'x' || hex(text[2]) < 0 || hex(text[3]) < 0) return -1;
  return 16 * hex(text[2]) + hex(text[3]);
}

template <class Escape>
std::string with_escapes(std::string_view text, bool reversible, Escape escape) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const CodePoint c = first_of(text);
    const std::size_t length = c.length ? c.length : 1;
    const bool backslash = reversible && text.size() > 1 && text[0] == '\\' && text[1] == 'x';
    if (c.length == 0 || backslash || escape(c.value)) {
      for (std::size_t i = 0; i < length; ++i) append_escape(out, text[i]);
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length);
  }
  return out;
}

}  // namespace

std::size_t character_length(std::string_view text) { return text.empty() ? 0 : first_of(text).length; }

std::string escaped_for_json(std::string_view text) {
  return with_escapes(text, true, [](std::uint32_t) { return false; });
}

std::string escaped_for_line(std::string_view text) { return with_escapes(text, true, is_control); }

std::string escaped_for_cell(std::string_view text) {
  constexpr std::string_view kUnbroken = "\xc2\xa0";
  std::string front, back;
  for (;;) {
    const std::size_t first = text.starts_with(' ') ? 1 : text.starts_with(kUnbroken) ? 2 : 0;
    const std::size_t last = first ? 0 : text.ends_with(' ') ? 1 : text.ends_with(kUnbroken) ? 2 : 0;
    if (first + last == 0) return front + escaped_for_line(text) + back;
    std::string end;
    for (const char c : text.substr(first ? 0 : text.size() - last, first + last)) append_escape(end, c);
    first ? text.remove_prefix(first) : text.remove_suffix(last);
    if (first)
      front += end;
    else
      back.insert(0, end);
  }
}

std::string unescaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const int byte = escape_at(text);
    const bool ours = byte >= 0x7f || (byte >= 0 && byte < 0x20) || byte == '\\';
    out += ours ? static_cast<char>(byte) : text[0];
    text.remove_prefix(ours ? 4 : 1);
  }
  return out;
}

std::string unescaped_cell(std::string_view text) {
  constexpr std::string_view kBlank = "\\x20", kUnbroken = "\\xc2\\xa0";
  std::string front, back;
  for (;;) {
    const bool begins = text.starts_with(kBlank) || text.starts_with(kUnbroken);
    if (!begins && !text.ends_with(kBlank) && !text.ends_with(kUnbroken)) return front + unescaped(text) + back;
    const bool blank = begins ? text.starts_with(kBlank) : text.ends_with(kBlank);
    const std::size_t length = blank ? kBlank.size() : kUnbroken.size();
    const std::string end = blank ? " " : "\xc2\xa0";
    if (begins)
      front += end, text.remove_prefix(length);
    else
      back.insert(0, end), text.remove_suffix(length);
  }
}

std::string shown(std::string_view text) {
  return with_escapes(text, false, [](std::uint32_t c) { return is_control(c) || misleads(c); });
}

}  // namespace fledge
