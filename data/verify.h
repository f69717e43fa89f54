// A look at every picture of a data set before hours of training: what can be read, what is doubled, how the classes
// are filled.
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

  /// Nothing unreadable, nothing doubled across classes.
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
