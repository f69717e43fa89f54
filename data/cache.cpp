// Decoded pictures kept after their first use. Reading takes no lock: a slot is filled once and never changes.
#include <algorithm>
#include <atomic>

#include "data/subset.h"

namespace fledge {
namespace {

class CachedDataset : public DatasetView {
 public:
  CachedDataset(std::shared_ptr<Dataset> base, std::int64_t budget, int short_side_below)
      : DatasetView(std::move(base)),
        short_side_below_(short_side_below),
        left_(budget),
        slots_(static_cast<std::size_t>(size())) {}
  ~CachedDataset() override {
    for (auto& slot : slots_) delete slot.load();
  }

  Image image(std::int64_t i) const override { return source(i).whole(); }

  ImageSource source(std::int64_t i) const override {
    if (const Image* kept = slots_[i].load(std::memory_order_acquire)) return ImageSource::of(*kept);
    const ImageSource source = DatasetView::source(i);
    if (short_side_below_ > 0 && std::min(source.width(), source.height()) >= short_side_below_) return source;
    const std::int64_t bytes = std::int64_t{source.width()} * source.height() * 3 + std::int64_t{sizeof(Image)};
    if (left_.fetch_sub(bytes) < bytes) {  // does not fit
      left_.fetch_add(bytes);
      return source;
    }
    try {
      const Image* expected = nullptr;
      auto image = std::make_unique<const Image>(source.whole());
      if (slots_[i].compare_exchange_strong(expected, image.get(), std::memory_order_acq_rel))
        return ImageSource::of(*image.release());
      left_.fetch_add(bytes);  // another thread was first
      return ImageSource::of(*expected);
    } catch (...) {
      left_.fetch_add(bytes);  // it cannot be read
      throw;
    }
  }

 private:
  const int short_side_below_;
  mutable std::atomic<std::int64_t> left_;
  mutable std::vector<std::atomic<const Image*>> slots_;
};

}  // namespace

std::shared_ptr<Dataset> cache_images(std::shared_ptr<Dataset> dataset, std::int64_t budget_bytes,
                                      int short_side_below) {
  return std::make_shared<CachedDataset>(std::move(dataset), budget_bytes, short_side_below);
}

}  // namespace fledge
