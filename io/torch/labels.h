// Class names that a checkpoint stores beside its weights. Private to io/torch.
#pragma once
#include <string>
#include <vector>

#include "io/torch/shape_of_values.h"

namespace fledge::torch_file {

/// From the keys "classes", "class_names", "labels" (lists of texts) or "class_to_idx" (text -> number), by class
/// number; empty when there are none, or not one for each number.
std::vector<std::string> labels_in(const pickle::Graph& graph, const Pairs& checkpoint);

}  // namespace fledge::torch_file
