// A file mapped into memory, read-only: pages are read when they are touched. Private to io.
#pragma once
#include <cstddef>
#include <span>
#include <string>

namespace fledge {

class MappedFile {
 public:
  /// Throws Error(BadInput): missing, no regular file, empty.
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  std::span<const char> bytes() const { return {data_, size_}; }
  /// Pages of this part are no longer needed: they leave the process's memory (not the system's cache).
  void forget(const char* begin, std::size_t size) const;

 private:
  const char* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace fledge
