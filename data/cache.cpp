// Decoded pictures kept after their first use. Reading takes no lock: a slot is filled once and never changes.
#include <atomic>

#include "data/dataset.h"

namespace fledge {

namespace {

class CachedDataset : public Dataset {
 public:
  CachedDataset(std::shared_ptr<Dataset> base, std::int64_t budget)
      : base_(std::move(base)), left_(budget), slots_(static_cast<std::size_t>(base_->size())) {}
  ~CachedDataset() override {
    for (auto& slot : slots_) delete slot.load();
  }

  std::int64_t size() const override { return base_->size(); }
  std::int64_t label(std::int64_t i) const override { return base_->label(i); }
  std::string name(std::int64_t i) const override { return base_->name(i); }
  PictureFile file(std::int64_t i) const override { return base_->file(i); }
  Content content(std::int64_t i) const override { return base_->content(i); }
  Content origin(std::int64_t i) const override { return base_->origin(i); }
  std::optional<bool> turned() const override { return base_->turned(); }
  std::optional<PixelBox> box(std::int64_t i) const override { return base_->box(i); }
  std::int64_t super_class(std::int64_t i) const override { return base_->super_class(i); }
  const std::vector<std::string>& class_names() const override { return base_->class_names(); }
  std::string description() const override { return base_->description(); }

  Image image(std::int64_t i) const override {
    if (const Image* kept = slots_[i].load(std::memory_order_acquire)) return *kept;
    Image image = base_->image(i);
    const std::int64_t bytes = static_cast<std::int64_t>(image.rgb.size() + sizeof(Image));
    if (left_.fetch_sub(bytes) < bytes) {  // does not fit
      left_.fetch_add(bytes);
      return image;
    }
    const Image* expected = nullptr;
    auto copy = std::make_unique<const Image>(image);
    if (slots_[i].compare_exchange_strong(expected, copy.get(), std::memory_order_acq_rel)) {
      copy.release();
    } else {
      left_.fetch_add(bytes);  // another thread was first
    }
    return image;
  }

 private:
  std::shared_ptr<Dataset> base_;
  mutable std::atomic<std::int64_t> left_;
  mutable std::vector<std::atomic<const Image*>> slots_;
};

}  // namespace

std::shared_ptr<Dataset> cache_images(std::shared_ptr<Dataset> dataset, std::int64_t budget_bytes) {
  return std::make_shared<CachedDataset>(std::move(dataset), budget_bytes);
}

}  // namespace fledge
