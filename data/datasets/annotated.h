// Data sets whose classes, boxes and parts stand in annotation files: what a reader of such files hands over, and the
// Dataset made of it. Opening never looks at the pictures themselves: a missing one is named when it is decoded, and
// counted by `data verify`.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/datasets/split_part.h"

namespace fledge {

struct AnnotatedImage {
  std::string file;  // below the root
  std::int64_t class_id = 0;
  SplitPart part = SplitPart::All;  // All: the annotation tells no parts apart
  std::optional<PixelBox> box = std::nullopt;
  std::int64_t super_class = -1;
};

struct PublishedCounts {
  std::int64_t images = 0, classes = 0;
};

/// An annotation or archive whose MD5 sum is known; it may lie in the root or beside it.
struct KnownFile {
  const char *name, *md5;
  bool archive;  // the download itself: a wrong sum means a damaged file, never a smaller data set
};

/// What the world knows of a data set.
struct KnownSet {
  const char* name;  // "CUB-200-2011"
  PublishedCounts train, test;
  std::vector<KnownFile> files;

  PublishedCounts counts(SplitPart part) const;
};

struct Annotations {
  std::string layout;                             // for messages: "CUB-200-2011", "list"
  std::string source;                             // the folder or file, as given
  std::string root;                               // where AnnotatedImage::file begins
  const KnownSet* known = nullptr;                // absent for lists
  std::vector<std::string> picture_folders = {};  // below the root: all pictures in them should be listed
  std::vector<AnnotatedImage> images = {};
  std::map<std::int64_t, std::string> class_names = {};  // by id; sorted names are in the order of the ids
  bool has_parts = true;
  std::string note = {};  // what a user should know, for the description

  std::vector<std::int64_t> of_part(SplitPart part) const;  // numbers of its images
};

/// The pictures of one part; labels are ranks of the class ids that have a picture in it. Errors: Usage where the
/// annotation tells no parts apart, BadInput where the part is empty.
std::shared_ptr<Dataset> open_annotated(Annotations annotations, SplitPart part);

/// Refuses (BadInput, "WHERE: ...") a name that leads out of the folder of the
/// data set: absolute, "..", or with a zero byte.
void check_inside(const std::string& file, const std::string& where);
/// The whole pixels that cover [left, right) x [top, bottom). Errors (BadInput,
/// "WHERE: ..."): not finite, empty, beyond 2^24.
PixelBox covering_box(double left, double top, double right, double bottom, const std::string& where);
/// Refuses (BadInput) an image that is listed twice.
void check_listed_once(const Annotations& annotations);
/// Refuses (BadInput) a class with pictures of two super-classes; pictures without one are let be.
void check_super_classes(const Annotations& annotations);
/// "12,345".
std::string with_thousands(std::int64_t n);

}  // namespace fledge
