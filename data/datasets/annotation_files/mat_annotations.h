// The annotation files of Cars-196: MATLAB files of versions 5 to 7, through libmatio.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace fledge {

struct MatRecord {
  std::string file;
  double x1 = 0, y1 = 0, x2 = 0, y2 = 0;  // pixels counted from 1, the last one included
  std::int64_t class_id = 0;              // from 1; 0: the file has no field "class"
  int test = -1;                          // 0 or 1, of the official split; -1: the file has no field "test"
};

struct MatAnnotations {
  std::vector<MatRecord> records;        // of the struct array `annotations`
  std::vector<std::string> class_names;  // of the cell array `class_names`
};

/// Reads what of the two variables there is (files of the devkit hold one each). The picture's name is the field
/// relative_im_path or fname. Errors (BadInput) name the file and the entry: not a MATLAB file, damaged, a field that
/// is missing or of another type or size.
MatAnnotations read_mat_annotations(const std::string& path);

}  // namespace fledge
