#include "train/run/manifest.h"

#include <sstream>

#include "base/hex.h"

namespace fledge {
namespace {

constexpr const char* kManifestFormat = "fledge-checkpoint-1";

}  // namespace

std::string manifest_text(const Manifest& manifest) {
  std::string text = std::string(kManifestFormat) + "\n";
  for (std::size_t i = 0; i < manifest.size(); ++i)
    text += std::string(kCheckpointFiles[i]) + " " + std::to_string(manifest[i].bytes) + " " + manifest[i].hash + "\n";
  return text;
}

std::string parse_manifest(const std::string& text, Manifest& manifest) {
  std::istringstream lines(text);
  std::string format, name;
  std::getline(lines, format);
  if (format != kManifestFormat) return "unknown format '" + format.substr(0, 60) + "'";
  std::size_t files = 0;
  for (ManifestEntry& entry : manifest) {
    if (!(lines >> name >> entry.bytes >> entry.hash)) return "MANIFEST is incomplete";
    if (name != kCheckpointFiles[files++]) return "MANIFEST names other files than a checkpoint has";
    if (!is_hex(entry.hash, 32)) return "MANIFEST holds no checksum of " + name;
  }
  return manifest_text(manifest) == text ? "" : "MANIFEST is damaged";
}

}  // namespace fledge
