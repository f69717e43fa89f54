// One folder a class: ROOT/CLASS/picture.(jpg|jpeg|png|bmp|...). Classes and pictures in the order of their sorted
// names. Hidden files and files that are no pictures by extension are skipped and counted.
#pragma once
#include "data/dataset.h"

namespace fledge {

std::shared_ptr<Dataset> open_folder(const std::string& root);

}  // namespace fledge
