#include "io/weights/printable.h"

#include <cstdio>

namespace fledge {

std::string printable(const std::string& text) {
  constexpr std::size_t kMost = 1000, kEnd = 400;
  const auto inside = [&](std::size_t at) { return (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80; };  // UTF-8
  std::size_t head = text.size(), tail = text.size();
  if (text.size() > kMost) {
    head = kEnd, tail = text.size() - kEnd;
    while (head > 0 && inside(head)) --head;
    while (tail < text.size() && inside(tail)) ++tail;
  }
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (i == head) out += "...", i = tail;
    const unsigned char c = static_cast<unsigned char>(text[i]);
    if (c >= 32 && c != 127) {
      out += text[i];
      continue;
    }
    char code[8];
    std::snprintf(code, sizeof code, "\\x%02x", c);
    out += code;
  }
  return out;
}

std::string list_text(const std::vector<std::int64_t>& values) {
  std::string text = "[";
  for (std::size_t i = 0; i < values.size(); ++i) text += (i ? ", " : "") + std::to_string(values[i]);
  return text + "]";
}

}  // namespace fledge
