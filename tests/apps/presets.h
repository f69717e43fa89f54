// The shipped presets, as tests go through them.
#pragma once
#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/apps/runner.h"

namespace fledge::test {

inline const std::string kPresetFolder = FLEDGE_SOURCE_DIR "/apps/presets";

/// Names of those below a folder of them ("."), sorted.
inline std::vector<std::string> preset_names(const std::string& below = ".") {
  namespace fs = std::filesystem;
  std::vector<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(kPresetFolder + "/" + below))
    if (entry.path().extension() == ".toml")
      names.push_back(fs::relative(entry.path(), kPresetFolder).replace_extension().generic_string());
  std::sort(names.begin(), names.end());
  return names;
}

inline std::string preset_text(const std::string& name) { return text_of(kPresetFolder + "/" + name + ".toml"); }

/// The verb that it is for.
inline std::string verb_of_preset(const std::string& name) {
  return preset_text(name).find("\ndistill = ") != std::string::npos ? "distill" : "train";
}

}  // namespace fledge::test
