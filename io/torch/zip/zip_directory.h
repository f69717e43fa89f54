// The directory of a zip file, read strictly: central and local headers agree, members follow each other without gaps
// or overlap from the first byte on, names are plain. Nothing is ever extracted. Private to io/torch.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>

namespace fledge::torch_file {

/// A 32-bit number that sends to the ZIP64 record for the real one.
constexpr std::uint32_t kMax32 = 0xffffffffu;

struct ZipMember {
  std::string name;
  std::uint16_t flags = 0, method = 0;  // 0 stored, 8 deflated
  std::uint32_t crc = 0;
  std::uint64_t packed = 0, size = 0;  // bytes in the file, bytes of content
  std::uint64_t header = 0;            // byte of its local header
  std::uint64_t data = 0;              // byte of its data
};

/// `refuse(byte, problem)` throws.
using RefuseAt = std::function<void(std::uint64_t at, const std::string& problem)>;

/// Members by name. Refused: whatever two readers could understand differently (robustness: P14, P16).
std::map<std::string, ZipMember> read_zip_directory(std::span<const char> file, const RefuseAt& refuse);

}  // namespace fledge::torch_file
