// Data sets of which only some pictures have a label.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "data/dataset.h"
#include "tensor/random.h"

namespace fledge {

namespace {

class HiddenLabels : public Dataset {
 public:
  HiddenLabels(std::shared_ptr<Dataset> base, std::vector<bool> labelled)
      : base_(std::move(base)), labelled_(std::move(labelled)) {}

  std::int64_t size() const override { return base_->size(); }
  std::int64_t label(std::int64_t i) const override { return labelled_[i] ? base_->label(i) : -1; }
  std::string name(std::int64_t i) const override { return base_->name(i); }
  Image image(std::int64_t i) const override { return base_->image(i); }
  PictureFile file(std::int64_t i) const override { return base_->file(i); }
  Content content(std::int64_t i) const override { return base_->content(i); }
  Content origin(std::int64_t i) const override { return base_->origin(i); }
  const std::vector<std::string>& class_names() const override { return base_->class_names(); }
  std::optional<bool> turned() const override { return base_->turned(); }
  std::optional<PixelBox> box(std::int64_t i) const override { return base_->box(i); }
  /// A hidden label hides the coarser class with it.
  std::int64_t super_class(std::int64_t i) const override { return labelled_[i] ? base_->super_class(i) : -1; }
  std::string description() const override {
    return base_->description() + "; of these " + std::to_string(std::count(labelled_.begin(), labelled_.end(), true)) +
           " with a label";
  }

 private:
  std::shared_ptr<Dataset> base_;
  std::vector<bool> labelled_;
};

class WithUnlabelled : public Dataset {
 public:
  WithUnlabelled(std::shared_ptr<Dataset> labelled, std::shared_ptr<Dataset> unlabelled)
      : labelled_(std::move(labelled)), unlabelled_(std::move(unlabelled)), first_(labelled_->size()) {}

  std::int64_t size() const override { return first_ + unlabelled_->size(); }
  std::int64_t label(std::int64_t i) const override { return i < first_ ? labelled_->label(i) : -1; }
  std::string name(std::int64_t i) const override {
    return i < first_ ? labelled_->name(i) : unlabelled_->name(i - first_);
  }
  Image image(std::int64_t i) const override {
    return i < first_ ? labelled_->image(i) : unlabelled_->image(i - first_);
  }
  PictureFile file(std::int64_t i) const override {
    return i < first_ ? labelled_->file(i) : unlabelled_->file(i - first_);
  }
  Content content(std::int64_t i) const override {
    return i < first_ ? labelled_->content(i) : unlabelled_->content(i - first_);
  }
  Content origin(std::int64_t i) const override {
    return i < first_ ? labelled_->origin(i) : unlabelled_->origin(i - first_);
  }
  const std::vector<std::string>& class_names() const override { return labelled_->class_names(); }
  std::optional<PixelBox> box(std::int64_t i) const override {
    return i < first_ ? labelled_->box(i) : unlabelled_->box(i - first_);
  }
  std::int64_t super_class(std::int64_t i) const override { return i < first_ ? labelled_->super_class(i) : -1; }
  std::string description() const override {
    return labelled_->description() + "; and without their labels: " + unlabelled_->description();
  }

 private:
  std::shared_ptr<Dataset> labelled_, unlabelled_;
  std::int64_t first_;
};

}  // namespace

std::shared_ptr<Dataset> hide_labels(std::shared_ptr<Dataset> dataset, double labelled, std::uint64_t seed) {
  if (!(labelled > 0 && labelled <= 1))
    throw Error(ErrorKind::Usage, "",
                "the labelled share " + std::to_string(labelled) + " is not above 0 and at most 1",
                "0.1 keeps the labels of a tenth of each class");
  std::vector<bool> keeps(static_cast<std::size_t>(dataset->size()), false);
  auto groups = dataset->by_class();
  for (std::size_t c = 0; c < groups.size(); ++c) {
    const std::int64_t n = static_cast<std::int64_t>(groups[c].size());
    const std::int64_t wanted = std::min(n, std::max<std::int64_t>(1, std::llround(labelled * static_cast<double>(n))));
    Generator g = Generator::of({seed, 0x6c6162656cull, c});  // "label"
    g.shuffle(groups[c]);
    for (std::int64_t i = 0; i < wanted; ++i) keeps[groups[c][i]] = true;
  }
  return std::make_shared<HiddenLabels>(std::move(dataset), std::move(keeps));
}

std::shared_ptr<Dataset> append_unlabelled(std::shared_ptr<Dataset> labelled, std::shared_ptr<Dataset> unlabelled) {
  return std::make_shared<WithUnlabelled>(std::move(labelled), std::move(unlabelled));
}

}  // namespace fledge
