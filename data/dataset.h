// Dataset: numbered pictures with class labels 0..classes-1. Decoding happens in the
// loader's threads, so image() is thread-safe.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/identity/content.h"
#include "io/image/image.h"
#include "io/image/source.h"

namespace fledge {

/// Where a picture is read from; image(i) is what decode_image_file() makes of it.
struct PictureFile {
  std::string path;      // "": it has no file of its own (packs, IDX)
  bool upright = false;  // turned by its camera's note
};

class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual std::int64_t size() const = 0;
  /// Rank of the class's name among the sorted names; -1: the picture has no label (semi-supervised training).
  virtual std::int64_t label(std::int64_t i) const = 0;
  /// Name for messages and tables: the path below the data set's root ("audi_a4/003.jpg"), or "test/00017".
  virtual std::string name(std::int64_t i) const = 0;
  /// Throws Error(BadInput) naming the file.
  virtual Image image(std::int64_t i) const = 0;
  /// The same picture, of which only those parts need to be decoded that are looked at. The data set outlives it.
  virtual ImageSource source(std::int64_t i) const { return ImageSource(image(i)); }
  virtual const std::vector<std::string>& class_names() const = 0;
  virtual PictureFile file(std::int64_t) const { return {}; }
  /// Of a picture without a file of its own: a hash of its pixels. Errors as image().
  virtual Content content(std::int64_t i) const;
  /// Of a picture that was made of a file elsewhere (a pack's): the hash of that file;
  /// not known: it has none, or a file of its own.
  virtual Content origin(std::int64_t) const { return {}; }
  /// Where the object lies, in pixels of image(i), where the data set knows.
  virtual std::optional<PixelBox> box(std::int64_t) const { return std::nullopt; }
  /// A coarser class (the 12 kinds of goods of Stanford Online Products), from 0; -1 where there is none.
  virtual std::int64_t super_class(std::int64_t) const { return -1; }
  /// Whether image() turns pictures by the orientation in their files; nothing: they have none, or it is not known.
  virtual std::optional<bool> turned() const { return std::nullopt; }
  /// One line: where it is and what it holds, "folder cars/train: 4,052 images, 98 classes".
  virtual std::string description() const = 0;

  std::int64_t classes() const { return static_cast<std::int64_t>(class_names().size()); }
  /// Image numbers by class; those without a label are in none.
  std::vector<std::vector<std::int64_t>> by_class() const;
};

struct DatasetSpec {
  /// A folder of a known layout (one folder a class, CUB-200-2011, ...), a list (.csv, .tsv), a pack or
  /// "fashion-mnist", each with ":train", ":test" or ":all" behind it where it has parts: README.md.
  std::string source;
  std::string
      classes;  // "" all, or ranks "0-4", "0,2,7-9" into the sorted names: only these are kept, relabelled from 0
};

/// Opens whatever `source` names. Errors (BadInput) with a way out: missing or empty folder, no class folders, pictures
/// beside class folders.
std::shared_ptr<Dataset> open_dataset(const DatasetSpec& spec);
/// A data set of one's own: gets the name that open_dataset() got; null: the name means none of its data sets.
using DatasetOpener = std::function<std::shared_ptr<Dataset>(const std::string& source)>;
/// `open` is asked before all others, for the rest of the process. Before threads are started.
void register_dataset(DatasetOpener open);
/// Decoded pictures kept in memory after their first use, up to a budget in bytes; thread-safe. Only those whose short
/// side is below `short_side_below`; 0: all.
std::shared_ptr<Dataset> cache_images(std::shared_ptr<Dataset> dataset, std::int64_t budget_bytes,
                                      int short_side_below = 0);
/// The images of some classes only (ranks), relabelled from 0 in the order given.
std::shared_ptr<Dataset> select_classes(std::shared_ptr<Dataset> dataset, const std::vector<std::int64_t>& classes);
/// Keeps the labels of a seeded share of each class (at least one picture of each) and hides the others: label -1.
std::shared_ptr<Dataset> hide_labels(std::shared_ptr<Dataset> dataset, double labeled, std::uint64_t seed);
/// The pictures of `labelled`, then those of `unlabelled` with label -1.
std::shared_ptr<Dataset> append_unlabeled(std::shared_ptr<Dataset> labeled, std::shared_ptr<Dataset> unlabeled);
/// A seeded class-disjoint split: `fraction` of the classes go to the second part (at least one).
std::pair<std::shared_ptr<Dataset>, std::shared_ptr<Dataset>> split_classes(std::shared_ptr<Dataset> dataset,
                                                                            double fraction, std::uint64_t seed);

}  // namespace fledge
