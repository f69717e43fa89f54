#include "base/printable.h"

#include "base/escape.h"

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
  const bool whole = text.size() <= kMost;
  return whole ? shown(text) : shown(text.substr(0, head)) + "..." + shown(text.substr(tail));
}

std::string list_text(const std::vector<std::int64_t>& values) {
  std::string text = "[";
  for (std::size_t i = 0; i < values.size(); ++i) text += (i ? ", " : "") + std::to_string(values[i]);
  return text + "]";
}

}  // namespace fledge
