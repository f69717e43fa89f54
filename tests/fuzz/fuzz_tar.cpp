// Tar files. Three of four mutants get the checksums of their headers put right.
#include <cstdio>
#include <cstring>

#include "tests/fuzz/container.h"

namespace {

void repair(std::uint8_t* data, std::size_t size) {
  for (std::size_t at = 0; at + 512 <= size; at += 512) {
    if (std::memcmp(data + at + 257, "ustar", 5) != 0) continue;
    std::memset(data + at + 148, ' ', 8);
    unsigned sum = 0;
    for (std::size_t i = 0; i < 512; ++i) sum += data[at + i];
    char text[8];
    std::snprintf(text, sizeof text, "%06o", sum);
    std::memcpy(data + at + 148, text, 7);
  }
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  size = LLVMFuzzerMutate(data, size, max_size);
  if (seed % 4 != 0) repair(data, size);
  return size;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fledge::fuzz::read_weights(data, size, fledge::WeightFormat::Tar);
  return 0;
}
