#include "io/image/source.h"

#include <cstring>

#include "base/error.h"
#include "io/image/formats.h"
#include "io/image/orientation.h"

namespace fledge {

ImageSource::ImageSource(Image image) : window_{0, 0, image.width, image.height} {
  kept_.pixels = std::make_shared<const Image>(std::move(image));
}

ImageSource::ImageSource(std::unique_ptr<PartDecoder> decoder)
    : decoder_(std::move(decoder)), window_{0, 0, decoder_->width(), decoder_->height()} {}

ImageSource ImageSource::of(const Image& image) {
  return ImageSource(nullptr, {std::shared_ptr<const Image>(std::shared_ptr<void>(), &image)},
                     {0, 0, image.width, image.height});
}

ImagePart ImageSource::part(const PixelBox& box) const {
  const PixelBox there{window_.left + box.left, window_.top + box.top, box.width, box.height};
  ImagePart part = decoder_ ? decoder_->decode(there) : kept_;
  part.left -= window_.left, part.top -= window_.top;
  return part;
}

std::optional<ShrunkPart> ImageSource::shrunk(const PixelBox& box, int by) const {
  if (!decoder_) return std::nullopt;
  return decoder_->decode_shrunk({window_.left + box.left, window_.top + box.top, box.width, box.height}, by);
}

ImageSource ImageSource::cut(const PixelBox& box) const {
  check_box(width(), height(), box, "crop");
  return ImageSource(decoder_, kept_, {window_.left + box.left, window_.top + box.top, box.width, box.height});
}

ImageSource ImageSource::decoded() const {
  if (!decoder_) return *this;
  return ImageSource(nullptr, decoder_->decode({0, 0, decoder_->width(), decoder_->height()}), window_);
}

Image ImageSource::whole() const {
  const ImagePart all = part({0, 0, width(), height()});
  if (all.left == 0 && all.top == 0 && all.pixels->width == width() && all.pixels->height == height())
    return *all.pixels;
  Image out{width(), height(), std::vector<std::uint8_t>(static_cast<std::size_t>(width()) * height() * 3)};
  for (int y = 0; y < height(); ++y) std::memcpy(out.row(y), all.at(0, y), static_cast<std::size_t>(width()) * 3);
  return out;
}

ImageSource open_image(std::vector<std::uint8_t> bytes, const std::string& name, ExifRotation exif,
                       std::atomic<bool>* sound, const DecodeLimits& limits) {
  if (sniff(bytes.data(), bytes.size()) == ImageFormat::Jpeg) {
    const ImageBytes file{bytes.data(), bytes.size(), name};
    const int orientation = exif == ExifRotation::Apply ? orientation_of(file, ImageFormat::Jpeg) : 1;
    if (auto parts = open_jpeg_parts(bytes, name, {limits, orientation}, sound)) return ImageSource(std::move(parts));
  }
  return ImageSource(decode_image(bytes.data(), bytes.size(), name, limits, exif));
}

ImageSource open_image_file(const std::string& path, ExifRotation exif, std::atomic<bool>* sound,
                            const DecodeLimits& limits) {
  return open_image(read_image_file(path, limits), path, exif, sound, limits);
}

void check_box(int width, int height, const PixelBox& box, const char* op) {
  if (box.left >= 0 && box.top >= 0 && box.width > 0 && box.height > 0 && box.left <= width - box.width &&
      box.top <= height - box.height)
    return;
  const auto size_text = [](int w, int h) { return std::to_string(w) + "x" + std::to_string(h); };
  throw Error(ErrorKind::Usage, op,
              "the box " + size_text(box.width, box.height) + " at (" + std::to_string(box.left) + ", " +
                  std::to_string(box.top) + ") does not lie in the picture of " + size_text(width, height));
}

}  // namespace fledge
