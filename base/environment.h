// Variables of the environment, read by one rule: one that is empty counts as not set.
#pragma once
#include <cstdlib>
#include <string>

namespace fledge {

/// "" where it is not set.
inline std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

/// Is a switch on? Any value but "0" is; `otherwise` where it is not set.
inline bool environment_switch(const char* name, bool otherwise = false) {
  const std::string value = environment(name);
  return value.empty() ? otherwise : value != "0";
}

/// FLEDGE_VERBOSE: a line on stderr for each kernel that runs, and for each copy made to please one.
inline bool verbose() {
  static const bool on = environment_switch("FLEDGE_VERBOSE");
  return on;
}

}  // namespace fledge
