#include "io/weights/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

#include "kernels/api/error.h"

namespace fledge {
namespace {

[[noreturn]] void refuse(const std::string& path, const std::string& reason, const std::string& hint = "") {
  throw Error(ErrorKind::BadInput, "", "cannot open '" + path + "': " + reason, hint);
}

}  // namespace

MappedFile::MappedFile(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) refuse(path, errno == ENOENT ? "no such file or directory" : std::strerror(errno));
  struct stat status {};
  const bool known = ::fstat(fd, &status) == 0;
  const std::string problem = !known                     ? std::strerror(errno)
                              : S_ISDIR(status.st_mode)  ? "it is a folder, not a file"
                              : !S_ISREG(status.st_mode) ? "it is not a regular file"
                              : status.st_size == 0      ? "it is empty (0 bytes: nothing to read from byte 0 on)"
                                                         : "";
  if (problem.empty()) {
    size_ = static_cast<std::size_t>(status.st_size);
    void* mapped = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, fd, 0);
    if (mapped == MAP_FAILED) {
      const int error = errno;
      ::close(fd);
      throw Error(ErrorKind::Resource, "", "cannot map '" + path + "': " + std::strerror(error));
    }
    data_ = static_cast<const char*>(mapped);
  }
  ::close(fd);
  if (!problem.empty()) refuse(path, problem);
}

MappedFile::~MappedFile() {
  if (data_) ::munmap(const_cast<char*>(data_), size_);
}

void MappedFile::forget(const char* begin, std::size_t size) const {
  const std::uintptr_t page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const std::uintptr_t from = (reinterpret_cast<std::uintptr_t>(begin) + page - 1) / page * page;
  const std::uintptr_t to = (reinterpret_cast<std::uintptr_t>(begin) + size) / page * page;
  if (begin >= data_ && begin + size <= data_ + size_ && to > from)
    ::madvise(reinterpret_cast<void*>(from), to - from, MADV_DONTNEED);
}

}  // namespace fledge
