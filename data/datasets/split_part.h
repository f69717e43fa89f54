// The two parts of a data set that never share a class, and the end of a source that names one: "ROOT:train".
#pragma once
#include <string>

namespace fledge {

enum class SplitPart {
  All,
  Train,
  Test
};  // All: the training pictures, then the test pictures, where files tell them apart

const char* part_name(SplitPart part);  // "all", "train", "test"

/// Takes ":train", ":test" or ":all" off the end of `source`; false when there is none.
bool take_part(std::string& source, SplitPart& part);

}  // namespace fledge
