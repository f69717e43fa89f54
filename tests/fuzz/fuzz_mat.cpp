// MATLAB annotations. In every other mutant of a file whose variables are compressed they are unfolded first,
// so that the mutator reaches what is in them.
#include <zlib.h>

#include <cstring>
#include <vector>

#include "data/datasets/annotation_files/mat_annotations.h"
#include "tests/fuzz/input.h"

using namespace fledge;

namespace {

/// The header, and the first variable inflated; nothing when it is not compressed.
std::vector<std::uint8_t> unfolded(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kHeader = 128;
  if (size < kHeader + 8 || data[kHeader] != 15) return {};
  std::vector<std::uint8_t> out(data, data + kHeader);
  out.resize(kHeader + 16384);
  z_stream stream{};
  if (inflateInit(&stream) != Z_OK) return {};
  stream.next_in = const_cast<Bytef*>(data + kHeader + 8);
  stream.avail_in = static_cast<uInt>(size - kHeader - 8);
  stream.next_out = out.data() + kHeader;
  stream.avail_out = static_cast<uInt>(out.size() - kHeader);
  inflate(&stream, Z_FINISH);
  out.resize(out.size() - stream.avail_out);
  inflateEnd(&stream);
  return out;
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  if (seed % 2 == 0) {
    const std::vector<std::uint8_t> plain = unfolded(data, size);
    if (!plain.empty() && plain.size() <= max_size) {
      std::memcpy(data, plain.data(), plain.size());
      size = plain.size();
    }
  }
  return LLVMFuzzerMutate(data, size, max_size);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static fuzz::MemoryFile file;
  file.fill(data, size);
  fuzz::read_or_refuse(file.path(), [] { read_mat_annotations(file.path()); });
  return 0;
}
