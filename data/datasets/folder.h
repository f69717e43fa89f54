// One folder a class: ROOT/CLASS/picture.(jpg|jpeg|png|bmp|...). Classes and pictures in the order of their sorted
// names. Pictures in folders below a class's folder belong to the class, as with torchvision's ImageFolder. What is
// left out is counted in the description, with the first name: files that are no pictures by extension, hidden ones,
// folders without pictures, links to a folder that the class has already.
#pragma once
#include <vector>

#include "data/dataset.h"
#include "data/datasets/split_part.h"

namespace fledge {

std::shared_ptr<Dataset> open_folder(const std::string& root);

/// Are ROOT/train and ROOT/test folders of class folders, as the paper's code has its data? Each may be doubled
/// (train/train), as ROOT may.
bool is_split_folder(const std::string& root);
/// One of the two, or both; names of pictures begin with "train/" or "test/". A class that both have is one class.
std::shared_ptr<Dataset> open_split_folder(const std::string& root, SplitPart part);

/// Files with a picture's extension in a folder, or anywhere below it, hidden ones left out: sorted paths below
/// `folder`; none where it does not exist.
std::vector<std::string> pictures_in(const std::string& folder);
std::vector<std::string> pictures_below(const std::string& folder);

}  // namespace fledge
