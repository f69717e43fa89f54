#include "tests/fuzz/input.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace fledge::fuzz {

void finding(const std::string& what) {
  std::fprintf(stderr, "finding: %s\n", what.c_str());
  std::abort();
}

MemoryFile::MemoryFile() : fd_(::memfd_create("fuzzed", MFD_CLOEXEC)), path_("/proc/self/fd/" + std::to_string(fd_)) {
  if (fd_ < 0) finding("no file in memory");
}

MemoryFile::~MemoryFile() { ::close(fd_); }

void MemoryFile::fill(const std::uint8_t* data, std::size_t size) {
  if (::ftruncate(fd_, 0) != 0) finding("the file in memory cannot be emptied");
  if (::pwrite(fd_, data, size, 0) != static_cast<ssize_t>(size)) finding("the file in memory cannot be filled");
}

bool read_or_refuse(const std::string& name, const std::function<void()>& reader, ErrorKind kind) {
  try {
    reader();
    return true;
  } catch (const Error& e) {
    if (e.kind() != kind) finding(std::string("an error of another kind: ") + e.what());
    if (std::string(e.what()).find(name) == std::string::npos) finding(std::string("names no file: ") + e.what());
  } catch (const std::exception& e) {
    finding(std::string("another exception: ") + e.what());
  }
  return false;
}

}  // namespace fledge::fuzz
