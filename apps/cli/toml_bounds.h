// What a TOML text may hold before toml++ reads it: it follows a key of many
// parts (a.a.a...) by recursion, without a bound.
#pragma once
#include <string>
#include <string_view>

namespace fledge {

constexpr std::size_t kMaxTomlBytes = std::size_t{1} << 20;

/// "" or what is too much: "it has 3000000 bytes, ..." or "line 3: a key of more than 8 parts".
std::string beyond_toml_bounds(std::string_view text);

}  // namespace fledge
