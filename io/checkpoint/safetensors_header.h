// The JSON header of a safetensors file, parsed and checked without building a tree. Private to io/checkpoint.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace fledge {

struct SafetensorsEntry {
  std::string name, dtype;
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0, end = 0;  // bytes behind the header
};

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;  // in the order of the header
  std::map<std::string, std::string> metadata;
};

/// Syntax only: right keys and types, unique names, whole non-negative numbers. Throws Error(BadInput) naming `path`.
/// Reads no further than `max_tensors` entries.
SafetensorsHeader parse_safetensors_header(std::string_view text, const std::string& path, std::size_t max_tensors);

}  // namespace fledge
