// npy files: what is read holds as many numbers as its shape says, and each is looked at. Three mutants of four get a
// header whose length fits.
#include "io/npy.h"
#include "tests/fuzz/input.h"

using namespace fledge;

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  size = LLVMFuzzerMutate(data, size, max_size);
  if (seed % 4 == 0 || size < 10) return size;
  std::size_t end = 10;
  while (end < size && data[end] != '}') ++end;
  const std::size_t length = end < size ? end + 1 - 10 : 0;
  data[8] = static_cast<std::uint8_t>(length & 255), data[9] = static_cast<std::uint8_t>(length >> 8 & 255);
  return size;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::read_or_refuse("fuzzed.npy", [&] {
    const Tensor t = parse_npy({data, size}, "fuzzed.npy");
    if (static_cast<std::int64_t>(t.to_vector<double>().size()) != t.numel()) fuzz::finding("another count of numbers");
  });
  return 0;
}
