// From the saved object to named tensors: modules give state-dict names, everything else the path of keys and indices.
#pragma once

#include "io/torch/rebuild.h"
#include "io/weights/content.h"

namespace fledge::torch_file {

/// Walks the object at `root` and fills content's tensors, others, labels, layers, root class and the names mentioned.
/// Errors (BadInput): more than 100,000 tensors, more than 256 levels, a container with tensors that contains itself,
/// tensors that take more than twice the storages' bytes and 16 MiB.
void walk(const pickle::Source& source, const pickle::Graph& graph, pickle::Ref root, const Rebuilder& rebuilder,
          WeightFile::Content& content);

}  // namespace fledge::torch_file
