// Fashion-MNIST and its relatives (Xiao et al. 2017): IDX files, plain or gzip, as
// Debian's dataset-fashion-mnist installs them.
#pragma once
#include "data/dataset.h"
#include "data/datasets/split_part.h"

namespace fledge {

/// `folder` holds train-images-idx3-ubyte[.gz] and its three companions; "" looks in the distribution's folder and says
/// how to install it.
std::shared_ptr<Dataset> open_idx(const std::string& folder, SplitPart part);

}  // namespace fledge
