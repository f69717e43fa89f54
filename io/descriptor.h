// An open file, closed at the end of its life, and the bytes at a place of it: all of them, or as many as there are.
#pragma once
#include <unistd.h>

#include <cerrno>
#include <cstddef>

namespace fledge {

struct Descriptor {
  int fd = -1;  // below 0: none
  explicit Descriptor(int opened) : fd(opened) {}
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
};

/// Bytes done, fewer than `bytes` at the end of the file (a write: where nothing more goes); below 0 with errno.
inline ssize_t move_all(auto call, int fd, auto* data, std::size_t bytes, off_t at) {
  std::size_t done = 0;
  while (done < bytes) {
    const ssize_t n = call(fd, data + done, bytes - done, at + static_cast<off_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return n;
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  return static_cast<ssize_t>(done);
}
inline ssize_t read_all(int fd, void* to, std::size_t bytes, off_t at) {
  return move_all(::pread, fd, static_cast<char*>(to), bytes, at);
}
inline ssize_t write_all(int fd, const void* from, std::size_t bytes, off_t at) {
  return move_all(::pwrite, fd, static_cast<const char*>(from), bytes, at);
}

}  // namespace fledge
