// Writing a pack: threads decode and shrink ahead, the calling thread writes in order.
#include <algorithm>
#include <condition_variable>
#include <exception>
#include <filesystem>
#include <mutex>

#include "base/error.h"
#include "base/interrupt.h"
#include "data/pack/pack.h"
#include "data/pack/pack_index.h"
#include "data/views/boxes.h"
#include "data/views/transforms.h"
#include "data/worker_threads.h"
#include "io/file.h"

namespace fledge {
namespace {

constexpr int kAheadPerWorker = 4;  // finished pictures that may wait to be written

struct Made {
  Image image;
  PackedPicture entry;
};

/// The smallest whole box in the new picture that holds the old one.
PixelBox scaled(const PixelBox& box, const Image& from, const Image& to) {
  const auto low = [](std::int64_t at, int old_side, int side) { return static_cast<int>(at * side / old_side); };
  const auto high = [](std::int64_t at, int old_side, int side) {
    return static_cast<int>((at * side + old_side - 1) / old_side);
  };
  const int left = low(box.left, from.width, to.width), top = low(box.top, from.height, to.height);
  return {left, top, high(box.left + box.width, from.width, to.width) - left,
          high(box.top + box.height, from.height, to.height) - top};
}

/// The picture, and the hash of the file that it is made of, so that it is known again beside that file and in packs of
/// other sizes. The file is read once.
std::pair<Image, Content> read(const Dataset& dataset, std::int64_t i) {
  const PictureFile file = dataset.file(i);
  if (file.path.empty()) return {dataset.image(i), dataset.origin(i)};
  const std::vector<std::uint8_t> bytes = read_image_file(file.path);
  return {decode_image(bytes.data(), bytes.size(), file.path, decode_limits(),
                       file.upright ? ExifRotation::Apply : ExifRotation::Ignore),
          content_of(bytes.data(), bytes.size())};
}

Made make(const Dataset& dataset, std::int64_t i, int short_side) {
  auto [image, origin] = read(dataset, i);
  std::optional<PixelBox> box = box_inside(dataset, i, image.width, image.height);
  if (short_side > 0 && std::min(image.width, image.height) > short_side) {
    Image small = resize_short_side(image, short_side);
    if (box) box = scaled(*box, image, small);
    image = std::move(small);
  }
  PackedPicture entry{dataset.name(i),
                      dataset.label(i),
                      dataset.super_class(i),
                      image.width,
                      image.height,
                      pack_checksum(image.rgb.data(), image.rgb.size()),
                      box,
                      origin};
  return {std::move(image), std::move(entry)};
}

/// make(0), make(1), ... in threads, at most kAheadPerWorker results a thread ahead of the one asked for.
class Ahead {
 public:
  Ahead(std::int64_t count, int workers, std::function<Made(std::int64_t)> make)
      : count_(count), make_(std::move(make)), slots_(static_cast<std::size_t>(workers) * kAheadPerWorker) {
    threads_.start(
        workers, [this] { run(); }, [this] { stop(); });
  }
  ~Ahead() {
    stop();
    threads_.join();
  }

  /// The next result in order; rethrows what its make() threw.
  Made next() {
    if (threads_.empty()) return make_(taken_++);
    std::unique_lock lock(mutex_);
    std::optional<Outcome>& slot = slots_[taken_ % slots_.size()];
    ready_.wait(lock, [&] { return slot.has_value(); });
    Outcome outcome = std::move(*slot);
    slot.reset();
    ++taken_;
    lock.unlock();
    room_.notify_all();
    if (outcome.error) std::rethrow_exception(outcome.error);
    return std::move(outcome.made);
  }

 private:
  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    room_.notify_all();
  }

  struct Outcome {
    Made made;
    std::exception_ptr error;
  };

  void run() {
    std::unique_lock lock(mutex_);
    while (true) {
      room_.wait(lock, [&] {
        return stop_ || begun_ == count_ || begun_ < taken_ + static_cast<std::int64_t>(slots_.size());
      });
      if (stop_ || begun_ == count_) return;
      const std::int64_t i = begun_++;
      lock.unlock();
      Outcome outcome;
      try {
        outcome.made = make_(i);
      } catch (...) {
        outcome.error = std::current_exception();
      }
      lock.lock();
      slots_[i % slots_.size()] = std::move(outcome);
      ready_.notify_one();
    }
  }

  const std::int64_t count_;
  const std::function<Made(std::int64_t)> make_;
  std::vector<std::optional<Outcome>> slots_;  // ring: result i lives in slot i % slots_.size()
  std::mutex mutex_;
  std::condition_variable ready_, room_;
  std::int64_t begun_ = 0, taken_ = 0;
  bool stop_ = false;
  WorkerThreads threads_;
};

void check(const Dataset& dataset, const std::string& path, const PackOptions& o) {
  if (dataset.size() == 0) throw Error(ErrorKind::Usage, "", "there is no picture to pack: " + dataset.description());
  const int most = DecodeLimits{}.max_side;
  if (o.short_side < 0 || o.short_side > most || o.workers < 0)
    throw Error(ErrorKind::Usage, "pack_dataset",
                "short side " + std::to_string(o.short_side) + " and workers " + std::to_string(o.workers) +
                    " must be at least 0, the short side at most " + std::to_string(most));
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored))
    throw Error(ErrorKind::Usage, "", "cannot write pack '" + path + "': it is a folder", "name a file");
}

void append_little(AtomicFile& file, std::uint64_t value) {
  std::uint8_t bytes[8];
  for (int i = 0; i < 8; ++i) bytes[i] = static_cast<std::uint8_t>(value >> 8 * i);
  file.append(bytes, sizeof bytes);
}

}  // namespace

void pack_dataset(const Dataset& dataset, const std::string& path, const PackOptions& options) {
  check(dataset, path, options);
  PackIndex index{options.short_side, dataset.turned(), dataset.class_names(), {}};
  AtomicFile file(path);
  file.append(kPackMagic.data(), kPackMagic.size());
  Ahead pictures(dataset.size(), options.workers, [&](std::int64_t i) { return make(dataset, i, options.short_side); });
  for (std::int64_t i = 0; i < dataset.size(); ++i) {
    stop_if_asked();
    Made made = pictures.next();
    file.append(made.image.rgb.data(), made.image.rgb.size());
    index.pictures.push_back(std::move(made.entry));
    if (options.progress) options.progress(i + 1, dataset.size());
  }
  const std::string text = write_pack_index(index);
  file.append(text.data(), text.size());
  append_little(file, text.size());
  append_little(file, pack_checksum(text.data(), text.size()));
  file.append(kPackEnd.data(), kPackEnd.size());
  file.commit();
}

}  // namespace fledge
