// Config files: the flags that a TOML file becomes.
#include <string>

#include "apps/common/config.h"
#include "tests/fuzz/input.h"

using namespace fledge;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static fuzz::MemoryFile file;
  static CLI::App app;
  static const bool made = [] {
    CLI::App* verb = app.add_subcommand("train");
    add_config_flags(*verb);
    for (const char* name : {"--lr", "--size", "--train", "--epochs", "--recall-at", "--quiet"})
      verb->add_option_function<std::string>(name, [](const std::string&) {});
    return true;
  }();
  if (!made) return 0;
  file.fill(data, size);
  fuzz::read_or_refuse(
      "", [] { expand_arguments(app, {"train", "--config", file.path()}); }, ErrorKind::Usage);
  return 0;
}
