// The index of a model in several files: which files a stranger's words would have us open.
#include <cstdint>
#include <cstdlib>

#include "base/error.h"
#include "io/weights/shard_index.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    for (const auto& [file, tensors] : fledge::parse_shard_index(text, "fuzz.index.json"))
      if (file.empty() || file == "." || file == ".." || file.find('/') != std::string::npos || tensors.empty())
        std::abort();
  } catch (const fledge::Error& e) {
    if (e.kind() != fledge::ErrorKind::BadInput) std::abort();
  }
  return 0;
}
