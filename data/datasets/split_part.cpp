#include "data/datasets/split_part.h"

namespace fledge {

const char* part_name(SplitPart part) {
  switch (part) {
    case SplitPart::Train:
      return "train";
    case SplitPart::Test:
      return "test";
    case SplitPart::All:
      break;
  }
  return "all";
}

bool take_part(std::string& source, SplitPart& part) {
  for (const SplitPart p : {SplitPart::Train, SplitPart::Test, SplitPart::All}) {
    const std::string suffix = std::string(":") + part_name(p);
    if (!source.ends_with(suffix) || source.size() == suffix.size()) continue;
    source.resize(source.size() - suffix.size());
    part = p;
    return true;
  }
  return false;
}

}  // namespace fledge
