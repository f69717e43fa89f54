// Fashion-MNIST and its relatives (Xiao et al. 2017): IDX files, plain or gzip, as Debian's dataset-fashion-mnist
// installs them.
#pragma once
#include "data/dataset.h"

namespace fledge {

enum class IdxPart { Train, Test, All };  // All: training images, then test images
/// `folder` holds train-images-idx3-ubyte[.gz] and its three companions; "" looks in the distribution's folder and says
/// how to install it.
std::shared_ptr<Dataset> open_idx(const std::string& folder, IdxPart part);

}  // namespace fledge
