// Who wrote a file, as far as its form tells. Private to io/torch.
#pragma once
#include <string>

#include "io/pickle/graph.h"
#include "io/weights/weight_file.h"

namespace fledge::torch_file {

/// `info`: with its classes.
std::string writer_of_stacked(const pickle::Graph& object, const WeightFileInfo& info);

}  // namespace fledge::torch_file
