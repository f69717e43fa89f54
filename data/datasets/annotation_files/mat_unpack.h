// The outer half of reading MATLAB files (level 5, versions 5 to 7): inflates compressed variables and proves that
// every length in them fits before libmatio, which trusts lengths, sees a byte. Format: "MAT-File Format", MathWorks.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace fledge {

/// The file as an uncompressed one that holds the variables named in `wanted` and nothing else, each one made only of
/// structs, cells, text and real numbers. Errors (BadInput): no MATLAB file, version 4 or 7.3, big-endian, cut short,
/// damaged, more than 24 MiB or 400,000 arrays, other types inside, a variable that is there twice.
std::vector<std::uint8_t> unpack_mat(const std::string& path, const std::vector<std::string>& wanted);

}  // namespace fledge
