// What the targets of pictures, data sets and run files have in common: the bytes as a file, and what a reader may do.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "base/error.h"

namespace fledge::fuzz {

/// A file in memory whose content is replaced at every run. Its path is good for readers that take no bytes.
class MemoryFile {
 public:
  MemoryFile();
  ~MemoryFile();
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  void fill(const std::uint8_t* data, std::size_t size);
  const std::string& path() const { return path_; }

 private:
  int fd_;
  std::string path_;
};

[[noreturn]] void finding(const std::string& what);

/// Runs the reader. What is wrong with the input may only come as an Error of this kind that names `name`; everything
/// else aborts. True: it was read.
bool read_or_refuse(const std::string& name, const std::function<void()>& reader, ErrorKind kind = ErrorKind::BadInput);

}  // namespace fledge::fuzz

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);
