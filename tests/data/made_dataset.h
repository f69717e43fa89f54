// A data set whose pictures come from a formula: classes of given sizes, some pictures unreadable, boxes and
// super-classes where a test sets them.
#pragma once
#include <map>
#include <set>

#include "data/dataset.h"
#include "tests/support/files.h"

namespace fledge::test {

class Made : public Dataset {
 public:
  explicit Made(const std::vector<int>& sizes, std::set<std::int64_t> bad = {}) : bad_(std::move(bad)) {
    for (std::size_t c = 0; c < sizes.size(); ++c) {
      names_.push_back("class" + std::to_string(c));
      labels_.insert(labels_.end(), static_cast<std::size_t>(sizes[c]), static_cast<std::int64_t>(c));
    }
  }
  std::int64_t size() const override { return static_cast<std::int64_t>(labels_.size()); }
  std::int64_t label(std::int64_t i) const override { return labels_[i]; }
  std::string name(std::int64_t i) const override { return "pic" + std::to_string(i); }
  Image image(std::int64_t i) const override {
    if (bad_.count(i)) throw Error(ErrorKind::BadInput, "", "cannot read picture '" + name(i) + "': broken");
    return pattern(20 + static_cast<int>(i % 5), 24);
  }
  const std::vector<std::string>& class_names() const override { return names_; }
  std::optional<PixelBox> box(std::int64_t i) const override {
    const auto at = boxes.find(i);
    return at == boxes.end() ? std::nullopt : std::optional(at->second);
  }
  std::int64_t super_class(std::int64_t i) const override {
    return labels_[i] < static_cast<std::int64_t>(super_classes.size()) ? super_classes[labels_[i]] : -1;
  }
  std::string description() const override { return "made"; }

  std::map<std::int64_t, PixelBox> boxes;   // by picture
  std::vector<std::int64_t> super_classes;  // by class

 private:
  std::vector<std::string> names_;
  std::vector<std::int64_t> labels_;
  std::set<std::int64_t> bad_;
};

}  // namespace fledge::test
