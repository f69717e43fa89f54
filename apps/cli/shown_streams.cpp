#include "apps/cli/shown_streams.h"

#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

#include "base/escape.h"

namespace fledge {
namespace {

constexpr std::string_view kClearLine = "\r\033[K";

/// shown() of the pieces between line breaks, tabs and returns.
std::string plain(std::string_view text) {
  std::string out;
  if (text.starts_with(kClearLine)) {
    out = kClearLine;
    text.remove_prefix(kClearLine.size());
  }
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of("\n\t\r"), text.size());
    out += shown(text.substr(0, end));
    if (end < text.size()) out += text[end];
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

ssize_t write_plain(void* cookie, const char* data, std::size_t size) {
  const int fd = static_cast<int>(reinterpret_cast<std::intptr_t>(cookie));
  const std::string text = plain({data, size});
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t n = ::write(fd, text.data() + at, text.size() - at);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return 0;  // an error of the stream
    at += static_cast<std::size_t>(n);
  }
  return static_cast<ssize_t>(size);
}

FILE* plain_stream(int fd, int buffering) {
  FILE* stream = ::fopencookie(reinterpret_cast<void*>(static_cast<std::intptr_t>(fd)), "w",
                               {nullptr, &write_plain, nullptr, nullptr});
  if (stream) std::setvbuf(stream, nullptr, buffering, BUFSIZ);
  return stream;
}

}  // namespace

void show_plain_text_only() {
  if (FILE* stream = plain_stream(STDERR_FILENO, _IONBF)) stderr = stream;
  if (::isatty(STDOUT_FILENO))
    if (FILE* stream = plain_stream(STDOUT_FILENO, _IOLBF)) stdout = stream;
}

}  // namespace fledge
