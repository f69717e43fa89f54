// Stanford Online Products (Song et al. 2016): Ebay_train.txt, Ebay_test.txt and twelve folders NAME_final.
#pragma once
#include "data/datasets/annotated.h"

namespace fledge {

bool is_products(const std::string& root);
/// Train and test as the two files say; the file of the other part may be missing when one is asked for. Classes are
/// named by their ids, "00001" to "22634"; super-classes 1-12 become 0-11. Errors (BadInput) name file and line.
Annotations read_products(const std::string& root, SplitPart part);

}  // namespace fledge
