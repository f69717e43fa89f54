// A file mapped into memory, read-only: pages are read when they are touched. Its structure is read through the
// mapping; long stretches of numbers are copied out, which costs no page faults. Private to io.
#pragma once
#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "io/descriptor.h"
#include "io/weights/shrink_guard.h"

namespace fledge {

class MappedFile {
 public:
  /// Throws Error(BadInput): missing, no regular file, empty; without `follow`: a symbolic link.
  explicit MappedFile(const std::string& path, bool follow = true);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  std::span<const char> bytes() const { return {data_, size_}; }
  /// Copies the bytes at `begin`, a place in bytes(), to `to`. Throws Error(BadInput) when the file has become shorter.
  void copy(const char* begin, std::size_t size, char* to) const;
  /// Throws Error(BadInput) when bytes() were touched that are gone, as the file became shorter: zeros were seen there.
  void check_whole() const;

 private:
  std::string path_;
  Descriptor file_;
  const char* data_ = nullptr;
  std::size_t size_ = 0;
  std::unique_ptr<ShrinkGuard> guard_;
};

}  // namespace fledge
