// Safetensors. Half of the mutants get a header length that ends at their last brace.
#include <cstring>

#include "tests/fuzz/container.h"

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  size = LLVMFuzzerMutate(data, size, max_size);
  std::size_t end = size;
  while (end > 8 && data[end - 1] != '}') --end;
  const std::uint64_t length = end - 8;
  if (seed % 2 != 0 && end > 8) std::memcpy(data, &length, 8);
  return size;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fledge::fuzz::read_weights(data, size, fledge::WeightFormat::Safetensors);
  return 0;
}
