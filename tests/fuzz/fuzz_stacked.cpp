// Stacked pickles.
#include "tests/fuzz/container.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fledge::fuzz::read_weights(data, size, fledge::WeightFormat::Pickle);
  return 0;
}
