// MANIFEST of a checkpoint: a first line "fledge-checkpoint-1", then "NAME BYTES XXH3-128" for each of its three files.
#pragma once
#include <array>
#include <cstdint>
#include <string>

namespace fledge {

constexpr std::array<const char*, 3> kCheckpointFiles = {"model.safetensors", "optimizer.safetensors", "state.json"};
constexpr std::uint64_t kMaxManifestBytes = 4096;

struct ManifestEntry {
  std::uint64_t bytes = 0;
  std::string hash;  // 32 hexadecimal digits
};
using Manifest = std::array<ManifestEntry, kCheckpointFiles.size()>;  // in the order of kCheckpointFiles

std::string manifest_text(const Manifest& manifest);
/// Takes exactly what manifest_text() writes. Returns "" or what is wrong.
std::string parse_manifest(const std::string& text, Manifest& manifest);

}  // namespace fledge
