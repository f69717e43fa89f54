// A zip file written in one pass, in the form PyTorch gives it: stored members, data at multiples of 64 bytes, sizes
// and checksum behind the data and in the directory. Private to io/torch.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "io/file.h"
#include "io/weights/tensor_to_save.h"

namespace fledge::torch_file {

class ZipWriter {
 public:
  /// `size`: about how many bytes will come.
  ZipWriter(const std::string& path, std::uint64_t size) : file_(path, size) {}
  void add(const std::string& name, const std::string& content);
  void add(const std::string& name, const std::function<void(const ByteSink&)>& write);
  /// Writes the directory and moves the file to its place.
  void commit();

 private:
  struct Entry {
    std::string name;
    std::uint64_t header, size;
    std::uint32_t crc;
  };
  void put(const std::string& bytes);
  std::string central(const Entry& e) const;

  AtomicFile file_;
  std::uint64_t at_ = 0;
  std::vector<Entry> entries_;
};

}  // namespace fledge::torch_file
