#include "data/datasets/annotated.h"

#include <cmath>
#include <unordered_map>
#include <unordered_set>

#include "base/error.h"
#include "data/exif_choice.h"

namespace fledge {
namespace {

class AnnotatedDataset : public Dataset {
 public:
  AnnotatedDataset(const Annotations& annotations, SplitPart part)
      : root_(annotations.root), exif_(exif_rotation(annotations.known != nullptr)) {
    const std::vector<std::int64_t> chosen = annotations.of_part(part);
    std::map<std::int64_t, std::int64_t> rank;
    for (const std::int64_t i : chosen) rank[annotations.images[i].class_id] = 0;
    for (auto& [id, label] : rank) {
      label = classes();
      names_.push_back(annotations.class_names.at(id));
    }
    for (const std::int64_t i : chosen) {
      images_.push_back(annotations.images[i]);
      labels_.push_back(rank[annotations.images[i].class_id]);
    }
    sound_ = std::vector<std::atomic<bool>>(images_.size());
    description_ = annotations.layout + " " + annotations.source +
                   (part == SplitPart::All ? "" : std::string(":") + part_name(part)) + ": " + with_thousands(size()) +
                   " images, " + with_thousands(classes()) + " classes" +
                   (annotations.note.empty() ? "" : "; " + annotations.note);
  }

  std::int64_t size() const override { return static_cast<std::int64_t>(images_.size()); }
  std::int64_t label(std::int64_t i) const override { return labels_[i]; }
  std::string name(std::int64_t i) const override { return images_[i].file; }
  std::optional<bool> turned() const override { return exif_ == ExifRotation::Apply; }
  Image image(std::int64_t i) const override { return decode_image_file(file(i).path, exif_); }
  ImageSource source(std::int64_t i) const override { return open_image_file(file(i).path, exif_, &sound_[i]); }
  PictureFile file(std::int64_t i) const override {
    const std::string& file = images_[i].file;
    return {file.front() == '/' ? file : root_ + "/" + file, exif_ == ExifRotation::Apply};
  }
  const std::vector<std::string>& class_names() const override { return names_; }
  std::optional<PixelBox> box(std::int64_t i) const override { return images_[i].box; }
  std::int64_t super_class(std::int64_t i) const override { return images_[i].super_class; }
  std::string description() const override { return description_; }

 private:
  std::string root_, description_;
  std::vector<AnnotatedImage> images_;
  ExifRotation exif_;
  std::vector<std::int64_t> labels_;
  std::vector<std::string> names_;
  mutable std::vector<std::atomic<bool>> sound_;  // by image: was its file read to its end once?
};

}  // namespace

PublishedCounts KnownSet::counts(SplitPart part) const {
  if (part == SplitPart::Train) return train;
  if (part == SplitPart::Test) return test;
  return {train.images + test.images, train.classes + test.classes};
}

std::vector<std::int64_t> Annotations::of_part(SplitPart part) const {
  std::vector<std::int64_t> chosen;
  for (std::size_t i = 0; i < images.size(); ++i)
    if (part == SplitPart::All || images[i].part == part) chosen.push_back(static_cast<std::int64_t>(i));
  return chosen;
}

std::shared_ptr<Dataset> open_annotated(Annotations annotations, SplitPart part) {
  if (part != SplitPart::All && !annotations.has_parts)
    throw Error(ErrorKind::Usage, "",
                "'" + annotations.source + "' has no parts, so there is no :" + part_name(part) + " in it",
                "add a column 'split' with train and test, or leave the part out");
  auto dataset = std::make_shared<AnnotatedDataset>(annotations, part);
  if (dataset->size() == 0)
    throw Error(ErrorKind::BadInput, "",
                annotations.layout + " '" + annotations.source + "' lists no pictures" +
                    (part == SplitPart::All ? "" : std::string(" of the part '") + part_name(part) + "'"));
  return dataset;
}

void check_inside(const std::string& file, const std::string& where) {
  const auto refuse = [&](const std::string& problem) {
    throw Error(ErrorKind::BadInput, "", where + ": " + problem, "paths must lie below the folder of the data set");
  };
  if (file.empty()) refuse("the path is empty");
  if (file.find('\0') != std::string::npos) refuse("the path holds a zero byte");
  if (file.front() == '/' || ("/" + file + "/").find("/../") != std::string::npos)
    refuse("the path '" + file + "' leads out of the data set");
}

PixelBox covering_box(double left, double top, double right, double bottom, const std::string& where) {
  const double l = std::floor(left), t = std::floor(top), r = std::ceil(right), b = std::ceil(bottom);
  constexpr double kFar = 1 << 24;
  for (const double v : {l, t, r, b})
    if (!(std::abs(v) <= kFar)) throw Error(ErrorKind::BadInput, "", where + ": the box has an impossible number");
  if (!(right > left && bottom > top)) throw Error(ErrorKind::BadInput, "", where + ": the box is empty");
  return {static_cast<int>(l), static_cast<int>(t), static_cast<int>(r - l), static_cast<int>(b - t)};
}

void check_listed_once(const Annotations& annotations) {
  std::unordered_set<std::string> seen;
  for (const AnnotatedImage& image : annotations.images)
    if (!seen.insert(image.file).second)
      throw Error(ErrorKind::BadInput, "",
                  annotations.layout + " '" + annotations.source + "' lists '" + image.file + "' twice",
                  "each picture may have one line");
}

void check_super_classes(const Annotations& annotations) {
  std::unordered_map<std::int64_t, const AnnotatedImage*> first;
  for (const AnnotatedImage& image : annotations.images) {
    if (image.super_class < 0) continue;
    const AnnotatedImage& met = *first.emplace(image.class_id, &image).first->second;
    if (met.super_class != image.super_class)
      throw Error(ErrorKind::BadInput, "",
                  annotations.layout + " '" + annotations.source + "': class '" +
                      annotations.class_names.at(image.class_id) + "' lies in two super-classes: '" + met.file +
                      "' and '" + image.file + "'",
                  "a class has one super-class; give the classes names of their own if they are two");
  }
}

std::string with_thousands(std::int64_t n) {
  std::string digits = std::to_string(n);
  for (std::ptrdiff_t at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3)
    digits.insert(static_cast<std::size_t>(at), 1, ',');
  return digits;
}

}  // namespace fledge
