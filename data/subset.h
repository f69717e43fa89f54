// A part of a data set: some images, with labels of their own. What class selection and splits are made of.
#pragma once
#include "data/dataset.h"

namespace fledge {

/// "0-4", "0,2,7-9" as ranks below `classes`, in the order written. Throws
/// Error(Usage): malformed, out of range, twice the same.
std::vector<std::int64_t> parse_class_ranks(const std::string& text, std::int64_t classes);

/// The images `indices` of `dataset`, labels mapped through `label_of` (old rank -> new rank), with their class names.
/// A picture without a label stays without.
std::shared_ptr<Dataset> make_subset(std::shared_ptr<Dataset> dataset, std::vector<std::int64_t> indices,
                                     std::vector<std::int64_t> label_of, std::vector<std::string> class_names);

}  // namespace fledge
