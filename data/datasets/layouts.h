// Which of the known layouts a path holds, told from the files in it; and opening it.
#pragma once
#include <optional>
#include <string>

#include "data/datasets/annotated.h"

namespace fledge {

/// What a source names: a path, and the part of it.
struct DataSource {
  std::string path;
  SplitPart part = SplitPart::All;
  bool part_named = false;
};

/// Splits ":train", ":test" or ":all" off, unless a file or folder bears the whole name.
DataSource parse_source(const std::string& source);

/// The annotations of CUB-200-2011, Cars-196, Stanford Online Products (also where `path` is the folder above theirs)
/// or of a list; nothing when `path` is none of these. Reads annotation files only. Errors: BadInput.
std::optional<Annotations> read_annotations(const DataSource& source);

}  // namespace fledge
