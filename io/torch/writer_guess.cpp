#include "io/torch/writer_guess.h"

#include <algorithm>

namespace fledge::torch_file {

std::string writer_of_stacked(const pickle::Graph& object, const WeightFileInfo& info) {
  const auto mentions = [&](const char* name) {
    return std::binary_search(info.classes.begin(), info.classes.end(), std::string(name));
  };
  bool python2 = false;
  for (pickle::Ref r = 0; r < object.size() && !python2; ++r) python2 = object.kind(r) == pickle::Kind::ByteString;
  const std::string python = python2 ? ", Python 2" : ", Python 3";
  if (mentions("torch._utils._rebuild_tensor_v2")) return "PyTorch 0.4 to 1.5" + python;
  if (mentions("torch._utils._rebuild_tensor")) return "PyTorch 0.1.11 to 0.3" + python;
  return "PyTorch before 1.6" + python;
}

}  // namespace fledge::torch_file
