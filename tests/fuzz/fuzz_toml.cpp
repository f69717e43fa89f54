// Config files: the flags that a TOML file becomes.
#include <string>

#include "apps/cli/config.h"
#include "tests/fuzz/input.h"

using namespace fledge;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static fuzz::MemoryFile file;
  static std::string text;
  static const std::vector<Verb> verbs = [] {
    Verb verb("train", "", "", true);
    for (const char* key : {"lr", "size", "train", "epochs", "recall-at", "quiet"}) verb.fields.add(key, text, "");
    return std::vector<Verb>{verb};
  }();
  file.fill(data, size);
  fuzz::read_or_refuse(
      "",
      [] {
        with_configs(verbs, {"train", "--config", file.path()});
      },
      ErrorKind::Usage);
  return 0;
}
