// Zip files. Three of four mutants get their checksums put right, or nearly all would end at the first CRC.
#include <cstring>

#include <libdeflate.h>

#include "tests/fuzz/container.h"

namespace {

template <class T>
T number(const std::uint8_t* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

/// Writes the CRC of each stored member into the directory, and behind the data where a descriptor lies.
void repair(std::uint8_t* data, std::size_t size) {
  for (std::size_t at = 0; at + 46 <= size; ++at) {
    if (std::memcmp(data + at, "PK\1\2", 4) != 0 || number<std::uint16_t>(data + at + 10) != 0) continue;
    const std::size_t bytes = number<std::uint32_t>(data + at + 20), header = number<std::uint32_t>(data + at + 42);
    if (header + 30 > size || std::memcmp(data + header, "PK\3\4", 4) != 0) continue;
    const std::size_t begin =
        header + 30 + number<std::uint16_t>(data + header + 26) + number<std::uint16_t>(data + header + 28);
    if (begin > size || bytes > size - begin) continue;
    const std::uint32_t crc = libdeflate_crc32(0, data + begin, bytes);
    std::memcpy(data + at + 16, &crc, 4);
    if (number<std::uint32_t>(data + header + 14) != 0) std::memcpy(data + header + 14, &crc, 4);
    const std::size_t end = begin + bytes;
    if (size - end >= 8 && std::memcmp(data + end, "PK\7\10", 4) == 0) std::memcpy(data + end + 4, &crc, 4);
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
  fledge::fuzz::read_weights(data, size, fledge::WeightFormat::Zip);
  return 0;
}
