// Who wrote a file, as far as its form tells. Private to io/torch.
#pragma once
#include <string>

#include "io/pickle/graph.h"
#include "io/weights/content.h"

namespace fledge::torch_file {

/// Fills classes and unknown from the object's graph.
void finish_info(const pickle::Graph& object, WeightFile::Content& content);

std::string writer_of_stacked(const pickle::Graph& object, const WeightFileInfo& info);

}  // namespace fledge::torch_file
