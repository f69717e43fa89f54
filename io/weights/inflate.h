// Deflated bytes into a buffer of known size, as members of a zip file are: neither more nor less. Private to io.
#pragma once
#include <cstddef>
#include <string_view>

namespace fledge {

/// True when all of `packed` was used and gave exactly `size` bytes.
bool inflate_exactly(std::string_view packed, char* out, std::size_t size);

}  // namespace fledge
