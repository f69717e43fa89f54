// CUB-200-2011 (Wah et al. 2011): images.txt, classes.txt, image_class_labels.txt, bounding_boxes.txt and images/.
#pragma once
#include "data/datasets/annotated.h"

namespace fledge {

bool is_cub(const std::string& root);
/// Train = class ids 1-100, test = 101-200 (train_test_split.txt is of another protocol). A picture's folder must be
/// its class's name. Without bounding_boxes.txt there are no boxes. Errors (BadInput) name file and line.
Annotations read_cub(const std::string& root);

}  // namespace fledge
