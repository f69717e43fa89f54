// What this machine's processor is.
#pragma once
#include <algorithm>
#include <fstream>
#include <string>

namespace fledge {

/// As its maker calls it, "AMD EPYC 9R14"; "" where the system does not say.
inline std::string processor_name() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);)
    if (line.rfind("model name", 0) == 0) return line.substr(std::min(line.find(": ") + 2, line.size()));
  return "";
}

}  // namespace fledge
