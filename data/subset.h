// Data sets made of another one: views of it, and parts with labels of their own, of which class selection and splits
// are made.
#pragma once
#include "data/dataset.h"

namespace fledge {

/// Another data set's pictures, all of them or some: what a view says nothing else about is as it is there.
class DatasetView : public Dataset {
 public:
  explicit DatasetView(std::shared_ptr<Dataset> base) : base_(std::move(base)) {}
  std::int64_t size() const override { return base_->size(); }
  std::int64_t label(std::int64_t i) const override { return base_->label(at(i)); }
  std::string name(std::int64_t i) const override { return base_->name(at(i)); }
  Image image(std::int64_t i) const override { return base_->image(at(i)); }
  ImageSource source(std::int64_t i) const override { return base_->source(at(i)); }
  PictureFile file(std::int64_t i) const override { return base_->file(at(i)); }
  Content content(std::int64_t i) const override { return base_->content(at(i)); }
  Content origin(std::int64_t i) const override { return base_->origin(at(i)); }
  std::optional<bool> turned() const override { return base_->turned(); }
  std::optional<PixelBox> box(std::int64_t i) const override { return base_->box(at(i)); }
  std::int64_t super_class(std::int64_t i) const override { return base_->super_class(at(i)); }
  const std::vector<std::string>& class_names() const override { return base_->class_names(); }
  std::string description() const override { return base_->description(); }

 protected:
  const std::shared_ptr<Dataset> base_;

 private:
  /// Where picture i is there.
  virtual std::int64_t at(std::int64_t i) const { return i; }
};

/// "0-4", "0,2,7-9" as ranks below `classes`, in the order written. Throws
/// Error(Usage): malformed, out of range, twice the same.
std::vector<std::int64_t> parse_class_ranks(const std::string& text, std::int64_t classes);

/// The images `indices` of `dataset`, labels mapped through `label_of` (old rank -> new rank), with their class names.
/// A picture without a label stays without.
std::shared_ptr<Dataset> make_subset(std::shared_ptr<Dataset> dataset, std::vector<std::int64_t> indices,
                                     std::vector<std::int64_t> label_of, std::vector<std::string> class_names);

}  // namespace fledge
