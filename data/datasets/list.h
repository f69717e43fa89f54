// A list of pictures: LIST.csv (commas) or LIST.tsv (tabs), whose first line names the columns.
#pragma once
#include "data/datasets/annotated.h"

namespace fledge {

/// Does the name end in .csv or .tsv?
bool is_list(const std::string& path);

/// Columns `path` (relative to the list's folder, or absolute) and `label` (any text; classes by sorted labels);
/// optional `split` (train or test), `x`, `y`, `width`, `height` (pixels; all four or none, in a row too) and
/// `super_class` (a number from 0, or nothing). Other columns are left alone. Blanks at the ends of fields do not
/// count. Errors (BadInput) name file and line: a first line without the two columns (quoted), labels that are one
/// number written in two ways (1 and 1.0), a column that is missing or twice, a row of another width, an empty path or
/// label, a number that is none, a picture that is there twice.
Annotations read_list(const std::string& path);

}  // namespace fledge
