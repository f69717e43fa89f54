#include "tests/support/formula.h"

#include <cstdint>
#include <vector>

#include "tensor/creation.h"

namespace fledge::test {

Tensor formula(const std::string& name, const Dims& dims) {
  std::uint64_t seed = 0xCBF29CE484222325u;  // FNV-1a of the name
  for (unsigned char c : name) seed = (seed ^ c) * 0x100000001B3u;
  std::vector<double> values(static_cast<std::size_t>(dims.numel()));
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::uint64_t z = seed + (i + 1) * 0x9E3779B97F4A7C15u;  // SplitMix64
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    z = z ^ (z >> 31);
    values[i] = 2 * (static_cast<double>(z >> 11) * 0x1p-53) - 1;
  }
  return from_vector(values, dims);
}

}  // namespace fledge::test
