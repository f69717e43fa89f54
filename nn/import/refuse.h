// Relatives of the known networks, told apart by names and shapes.
#pragma once
#include "nn/import/trunk.h"

namespace fledge::importing {

/// Errors (BadInput): a ResNet or MobileNet v1 of another make, with what is different about it.
void refuse_relatives(const std::vector<Source>& sources, const Trunk& trunk);

}  // namespace fledge::importing
