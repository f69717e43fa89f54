#include "io/weights/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

#include "base/error.h"
#include "io/open_error.h"

namespace fledge {
namespace {

[[noreturn]] void cannot_open(const std::string& path, const std::string& reason, const std::string& hint = "") {
  throw Error(ErrorKind::BadInput, "", "cannot open '" + path + "': " + reason, hint);
}

/// It is there, and the machine does not give it: rights, descriptors, the disk. Nothing is said of what it holds.
[[noreturn]] void unreadable(const std::string& path, int error) {
  throw Error(ErrorKind::Resource, "", "cannot open '" + path + "': " + std::strerror(error));
}

}  // namespace

MappedFile::MappedFile(const std::string& path, bool follow) : path_(path) {
  // O_NONBLOCK: a pipe is refused, not waited for.
  fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | (follow ? 0 : O_NOFOLLOW));
  if (fd_ < 0 && errno == ELOOP && !follow) cannot_open(path, "it is a symbolic link, which leads out of the folder");
  if (fd_ < 0 && !names_nothing(errno)) unreadable(path, errno);
  if (fd_ < 0) cannot_open(path, errno == ENOENT ? "no such file or directory" : std::strerror(errno));
  struct stat status {};
  if (::fstat(fd_, &status) != 0) {
    const int error = errno;
    ::close(fd_);
    unreadable(path, error);
  }
  const std::string problem = S_ISDIR(status.st_mode)    ? "it is a folder, not a file"
                              : !S_ISREG(status.st_mode) ? "it is not a regular file"
                              : status.st_size == 0      ? "it is empty (0 bytes: nothing to read from byte 0 on)"
                                                         : "";
  if (problem.empty()) {
    size_ = static_cast<std::size_t>(status.st_size);
    void* mapped = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, fd_, 0);
    if (mapped != MAP_FAILED) data_ = static_cast<const char*>(mapped);
  }
  if (data_) {
    guard_ = std::make_unique<ShrinkGuard>(data_, size_);
    return;
  }
  const int error = errno;
  ::close(fd_);
  if (!problem.empty()) cannot_open(path, problem);
  throw Error(ErrorKind::Resource, "", "cannot map '" + path + "': " + std::strerror(error));
}

MappedFile::~MappedFile() {
  guard_.reset();  // before another mapping may take the place
  ::munmap(const_cast<char*>(data_), size_);
  ::close(fd_);
}

void MappedFile::copy(const char* begin, std::size_t size, char* to) const {
  off_t at = begin - data_;
  while (size > 0) {
    const ssize_t n = ::pread(fd_, to, size, at);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0)
      throw Error(n == 0 ? ErrorKind::BadInput : ErrorKind::Resource, "",
                  "cannot read '" + path_ + "' at byte " + std::to_string(at) + ": " +
                      (n == 0 ? "it became shorter while it was read" : std::strerror(errno)));
    to += n;
    at += n;
    size -= static_cast<std::size_t>(n);
  }
}

void MappedFile::check_whole() const {
  if (guard_->shrunk())
    throw Error(ErrorKind::BadInput, "", "cannot read '" + path_ + "': it became shorter while it was read",
                "something else writes to it: wait until that is done");
}

}  // namespace fledge
