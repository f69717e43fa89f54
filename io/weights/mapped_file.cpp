#include "io/weights/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "io/open_error.h"

namespace fledge {
namespace {

[[noreturn]] void cannot_open(const std::string& path, const std::string& reason, const std::string& hint = "") {
  throw Error(ErrorKind::BadInput, "", "cannot open '" + path + "': " + reason, hint);
}

}  // namespace

MappedFile::MappedFile(const std::string& path, bool follow)
    : path_(path),  // O_NONBLOCK: a pipe is refused, not waited for
      file_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | (follow ? 0 : O_NOFOLLOW))) {
  const bool opened = file_.fd >= 0;
  if (!opened && errno == ELOOP && !follow) cannot_open(path, "it is a symbolic link, which leads out of the folder");
  if (!opened && names_nothing(errno))
    cannot_open(path, errno == ENOENT ? "no such file or directory" : std::strerror(errno));
  struct stat status {};
  if (!opened || ::fstat(file_.fd, &status) != 0)  // there, and the machine does not give it: rights, descriptors, disk
    throw Error(ErrorKind::Resource, "", "cannot open '" + path + "': " + std::strerror(errno));
  if (S_ISDIR(status.st_mode)) cannot_open(path, "it is a folder, not a file");
  if (!S_ISREG(status.st_mode)) cannot_open(path, "it is not a regular file");
  if (status.st_size == 0) cannot_open(path, "it is empty (0 bytes: nothing to read from byte 0 on)");
  size_ = static_cast<std::size_t>(status.st_size);
  void* mapped = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file_.fd, 0);
  if (mapped == MAP_FAILED) throw Error(ErrorKind::Resource, "", "cannot map '" + path + "': " + std::strerror(errno));
  data_ = static_cast<const char*>(mapped);
  guard_ = std::make_unique<ShrinkGuard>(data_, size_);
}

MappedFile::~MappedFile() {
  guard_.reset();  // before another mapping may take the place
  ::munmap(const_cast<char*>(data_), size_);
}

void MappedFile::copy(const char* begin, std::size_t size, char* to) const {
  const ssize_t n = read_all(file_.fd, to, size, begin - data_);
  if (n == static_cast<ssize_t>(size)) return;
  throw Error(n >= 0 ? ErrorKind::BadInput : ErrorKind::Resource, "",
              "cannot read '" + path_ + "' at byte " + std::to_string(begin - data_ + std::max<ssize_t>(n, 0)) + ": " +
                  (n >= 0 ? "it became shorter while it was read" : std::strerror(errno)));
}

void MappedFile::check_whole() const {
  if (guard_->shrunk())
    throw Error(ErrorKind::BadInput, "", "cannot read '" + path_ + "': it became shorter while it was read",
                "something else writes to it: wait until that is done");
}

}  // namespace fledge
