// Data sets of which only some pictures have a label.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "data/subset.h"
#include "tensor/random.h"

namespace fledge {
namespace {

class HiddenLabels : public DatasetView {
 public:
  HiddenLabels(std::shared_ptr<Dataset> base, std::vector<bool> labeled)
      : DatasetView(std::move(base)), labeled_(std::move(labeled)) {}

  std::int64_t label(std::int64_t i) const override { return labeled_[i] ? base_->label(i) : -1; }
  /// A hidden label hides the coarser class with it.
  std::int64_t super_class(std::int64_t i) const override { return labeled_[i] ? base_->super_class(i) : -1; }
  std::string description() const override {
    return base_->description() + "; of these " + std::to_string(std::count(labeled_.begin(), labeled_.end(), true)) +
           " with a label";
  }

 private:
  std::vector<bool> labeled_;
};

class WithUnlabeled : public Dataset {
 public:
  WithUnlabeled(std::shared_ptr<Dataset> labeled, std::shared_ptr<Dataset> unlabeled)
      : labeled_(std::move(labeled)), unlabeled_(std::move(unlabeled)), first_(labeled_->size()) {}

  std::int64_t size() const override { return first_ + unlabeled_->size(); }
  std::int64_t label(std::int64_t i) const override { return i < first_ ? labeled_->label(i) : -1; }
  std::string name(std::int64_t i) const override { return part(i).name(i); }
  Image image(std::int64_t i) const override { return part(i).image(i); }
  ImageSource source(std::int64_t i) const override { return part(i).source(i); }
  PictureFile file(std::int64_t i) const override { return part(i).file(i); }
  Content content(std::int64_t i) const override { return part(i).content(i); }
  Content origin(std::int64_t i) const override { return part(i).origin(i); }
  const std::vector<std::string>& class_names() const override { return labeled_->class_names(); }
  std::optional<PixelBox> box(std::int64_t i) const override { return part(i).box(i); }
  std::int64_t super_class(std::int64_t i) const override { return i < first_ ? labeled_->super_class(i) : -1; }
  std::string description() const override {
    return labeled_->description() + "; and without their labels: " + unlabeled_->description();
  }

 private:
  /// The one that holds picture i, which becomes its number there.
  const Dataset& part(std::int64_t& i) const {
    if (i < first_) return *labeled_;
    i -= first_;
    return *unlabeled_;
  }

  std::shared_ptr<Dataset> labeled_, unlabeled_;
  std::int64_t first_;
};

}  // namespace

std::shared_ptr<Dataset> hide_labels(std::shared_ptr<Dataset> dataset, double labeled, std::uint64_t seed) {
  if (!(labeled > 0 && labeled <= 1))
    throw Error(ErrorKind::Usage, "", "the labelled share " + std::to_string(labeled) + " is not above 0 and at most 1",
                "0.1 keeps the labels of a tenth of each class");
  std::vector<bool> keeps(static_cast<std::size_t>(dataset->size()), false);
  auto groups = dataset->by_class();
  for (std::size_t c = 0; c < groups.size(); ++c) {
    const std::int64_t n = static_cast<std::int64_t>(groups[c].size());
    const std::int64_t wanted = std::min(n, std::max<std::int64_t>(1, std::llround(labeled * static_cast<double>(n))));
    Generator g = Generator::of({seed, 0x6c6162656cull, c});  // "label"
    g.shuffle(groups[c]);
    for (std::int64_t i = 0; i < wanted; ++i) keeps[groups[c][i]] = true;
  }
  return std::make_shared<HiddenLabels>(std::move(dataset), std::move(keeps));
}

std::shared_ptr<Dataset> append_unlabeled(std::shared_ptr<Dataset> labeled, std::shared_ptr<Dataset> unlabeled) {
  return std::make_shared<WithUnlabeled>(std::move(labeled), std::move(unlabeled));
}

}  // namespace fledge
