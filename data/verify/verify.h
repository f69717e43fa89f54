// A look at every picture of a data set before hours of training: what can be read,
// what is doubled, how the classes are filled.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace fledge {

struct Spread {
  std::int64_t min = 0, median = 0, max = 0;  // the lower median
};

struct UnreadableImage {
  std::string name, reason;
};

/// Pictures with exactly the same pixels (compared, not only hashed).
struct DuplicateGroup {
  std::vector<std::string> names;
  bool across_classes = false;
};

/// Where the boxes of objects lie in their pictures.
struct BoxReport {
  std::int64_t boxes = 0;
  std::vector<std::string> reaching_out, outside;  // names: partly, wholly beyond the picture
};

/// A file whose MD5 sum is published.
struct FileSum {
  std::string path, md5, published;
};

/// About the data set as a whole.
struct Remark {
  std::string kind;  // "incomplete", "missing", "unlisted", "checksum", "box", "shared-classes"
  bool fault = false;
  std::string problem, mend;
};

struct DatasetReport {
  std::string description;
  std::int64_t images = 0, classes = 0;
  Spread images_per_class;
  std::vector<std::string> single_image_classes, empty_classes;
  // From here on only after decoding (verify):
  bool decoded = false;
  std::vector<UnreadableImage> unreadable;
  std::vector<DuplicateGroup> duplicates;  // in the order of their first picture
  Spread width, height, short_side;
  BoxReport boxes;
  // What check_layout adds:
  std::string layout;                                        // "CUB-200-2011", "list"; empty: of no known layout
  std::int64_t published_images = 0, published_classes = 0;  // of the part; 0: not known
  std::vector<std::string> missing, unlisted;                // listed and not on disk; on disk and not listed
  std::vector<FileSum> sums;
  std::vector<Remark> remarks;

  /// Nothing unreadable, nothing doubled across classes, no remark that is a fault.
  bool good() const;
};

/// Called from one thread at a time, at most once a picture.
using VerifyProgress = std::function<void(std::int64_t done, std::int64_t total)>;

/// The counts that need no decoding.
DatasetReport count_classes(const Dataset& dataset);
/// Decodes everything in `workers` threads (0: the calling one). What it finds does not depend on their number. Never
/// throws for a bad picture.
DatasetReport verify(const Dataset& dataset, int workers, const VerifyProgress& progress = {});

}  // namespace fledge
