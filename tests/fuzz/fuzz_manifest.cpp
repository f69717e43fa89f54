// MANIFEST of a checkpoint: what is read as sound is, written again, the same bytes.
#include <string>

#include "tests/fuzz/input.h"
#include "train/run/manifest.h"

using namespace fledge;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  Manifest manifest;
  if (!parse_manifest(text, manifest).empty()) return 0;
  if (manifest_text(manifest) != text) fuzz::finding("it changed: " + manifest_text(manifest));
  return 0;
}
