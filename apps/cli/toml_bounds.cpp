#include "apps/cli/toml_bounds.h"

namespace fledge {
namespace {

constexpr int kMostParts = 8;

/// Behind the string, with quotes of one or three, that begins at `at`; of one quote it ends with its line.
std::size_t behind_string(std::string_view text, std::size_t at) {
  const char quote = text[at];
  const bool three = text.substr(at).starts_with(std::string(3, quote));
  std::size_t i = at + (three ? 3 : 1);
  for (; i < text.size(); ++i) {
    if (text[i] == '\\' && quote == '"') {
      ++i;
    } else if (text[i] == quote && !three) {
      return i + 1;
    } else if (three && text.substr(i).starts_with(std::string(3, quote))) {
      return i + 3;
    } else if (text[i] == '\n' && !three) {
      return i;
    }
  }
  return text.size();
}

}  // namespace

std::string beyond_toml_bounds(std::string_view text) {
  if (text.size() > kMaxTomlBytes)
    return "it has " + std::to_string(text.size()) + " bytes, more than the " + std::to_string(kMaxTomlBytes) +
           " that a config may have";
  int dots = 0, line = 1;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"' || c == '\'') {
      const std::size_t end = behind_string(text, i);
      for (; i < end; ++i) line += text[i] == '\n';
      --i;
    } else if (c == '#') {
      while (i + 1 < text.size() && text[i + 1] != '\n') ++i;
    } else if (c == '\n') {
      ++line, dots = 0;
    } else if (c == '.') {
      if (++dots >= kMostParts)
        return "line " + std::to_string(line) + ": a key of more than " + std::to_string(kMostParts) + " parts";
    } else if (std::string_view("=,{}[]").find(c) != std::string_view::npos) {
      dots = 0;
    }
  }
  return "";
}

}  // namespace fledge
