#include "apps/report/draw/markup.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>

#include "base/escape.h"

namespace fledge::report {

std::string escape(const std::string& text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = character_length(std::string_view(text).substr(at));
    const char c = text[at];
    const bool control = length == 1 && (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) && c != '\n' && c != '\t';
    if (length == 0 || control)
      out += "\xEF\xBF\xBD";
    else if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '"')
      out += "&quot;";
    else if (c == '\'')
      out += "&#39;";
    else
      out.append(text, at, length);
    at += length ? length : 1;
  }
  return out;
}

std::string number_text(double value) {
  if (value == std::floor(value) && std::abs(value) < 1e15) {
    std::string digits = fmt::format("{:.0f}", std::abs(value));
    for (std::size_t at = digits.size(); at > 3;) digits.insert(at -= 3, ",");
    return (value < 0 ? "-" : "") + digits;
  }
  if (std::abs(value) >= 10000 && std::abs(value) < 1e15) return number_text(std::round(value));
  return fmt::format("{:.4g}", value);
}

std::string percent_text(double share) { return fmt::format("{:.2f}", 100 * share); }

std::string file_name(const std::string& name) {
  std::string out;
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
    out += plain ? c : '_';
  }
  return out;
}

std::string shortened(const std::string& text, std::size_t most) {
  std::size_t at = 0, characters = 0, cut = 0;
  while (at < text.size()) {
    if (characters == most - 1) cut = at;
    at += std::max<std::size_t>(1, character_length(std::string_view(text).substr(at)));
    ++characters;
  }
  return characters <= most ? text : text.substr(0, cut) + "…";
}

std::string bytes_text(std::int64_t bytes) {
  const double n = static_cast<double>(bytes);
  return n < 1e6 ? fmt::format("{:.0f} KB", n / 1e3) : fmt::format("{:.1f} MB", n / 1e6);
}

std::string data_uri(const std::string& type, const std::vector<std::uint8_t>& bytes) {
  static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out = "data:" + type + ";base64,";
  out.reserve(out.size() + bytes.size() * 4 / 3 + 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t left = bytes.size() - i;
    const unsigned group = static_cast<unsigned>(bytes[i]) << 16 | (left > 1 ? bytes[i + 1] << 8 : 0) |
                           (left > 2 ? static_cast<unsigned>(bytes[i + 2]) : 0u);
    out += kDigits[group >> 18];
    out += kDigits[group >> 12 & 63];
    out += left > 1 ? kDigits[group >> 6 & 63] : '=';
    out += left > 2 ? kDigits[group & 63] : '=';
  }
  return out;
}

}  // namespace fledge::report
