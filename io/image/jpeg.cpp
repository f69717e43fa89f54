// JPEG: whole pictures, and parts of those that are one scan.

#include <cstring>
#include <utility>

#include "io/image/jpeg_decompressor.h"
#include "io/image/orientation.h"
#include "io/image/resize.h"
#include "io/image/source.h"

namespace fledge {
namespace {

/// Adobe's inverted CMYK, as Pillow reads every four-component JPEG: ink c, black k -> (255 - k) - (255 - k) * c / 255.
void cmyk_to_rgb(const std::uint8_t* cmyk, std::size_t pixels, std::uint8_t* rgb) {
  for (std::size_t i = 0; i < pixels; ++i, cmyk += 4, rgb += 3) {
    const int white = cmyk[3];
    for (int c = 0; c < 3; ++c) {
      const int product = (255 - cmyk[c]) * white + 128;
      const int value = white - (((product >> 8) + product) >> 8);
      rgb[c] = static_cast<std::uint8_t>(value < 0 ? 0 : value);
    }
  }
}

class JpegParts : public PartDecoder {
 public:
  JpegParts(std::unique_ptr<JpegDecompressor> opened, std::vector<std::uint8_t> bytes, const std::string& name,
            const DecodeRequest& request, std::atomic<bool>* sound)
      : opened_(std::move(opened)),
        bytes_(std::move(bytes)),
        name_(name),
        limits_(request.limits),
        orientation_(request.orientation),
        sound_(sound),
        stored_width_(opened_->width()),
        stored_height_(opened_->height()) {}

  int width() const override { return on_its_side(orientation_) ? stored_height_ : stored_width_; }
  int height() const override { return on_its_side(orientation_) ? stored_width_ : stored_height_; }

  ImagePart decode(const PixelBox& box) override {
    const PixelBox wanted = box_as_stored(box, stored_width_, stored_height_, orientation_);
    auto stored = decode_stored(wanted, 1);
    if (!stored) return whole();
    turn_upright(stored->image, orientation_);
    const PixelBox upright = box_upright(stored->place, stored_width_, stored_height_, orientation_);
    return {std::make_shared<const Image>(std::move(stored->image)), upright.left, upright.top};
  }

  std::optional<ShrunkPart> decode_shrunk(const PixelBox& box, int by) override {
    const PixelBox b = box_as_stored(box, stored_width_, stored_height_, orientation_);
    const int left = b.left / by, top = b.top / by;
    const PixelBox covering{left, top, (b.left + b.width + by - 1) / by - left, (b.top + b.height + by - 1) / by - top};
    const auto stored = decode_stored(covering, by);
    if (!stored) return std::nullopt;  // the whole will say what is wrong
    Image image =
        crop(stored->image, {left - stored->place.left, top - stored->place.top, covering.width, covering.height});
    turn_upright(image, orientation_);
    // Counted in pixels of the full size the box has whole numbers.
    const PixelBox inside = box_upright({b.left - left * by, b.top - top * by, b.width, b.height}, covering.width * by,
                                        covering.height * by, orientation_);
    const double size = by;
    return ShrunkPart{std::make_shared<const Image>(std::move(image)), inside.left / size, inside.top / size,
                      (inside.left + inside.width) / size, (inside.top + inside.height) / size};
  }

 private:
  struct StoredPart {
    Image image;
    PixelBox place;
  };

  /// At least the box of the stored picture at 1/by of its size; nothing where the file is damaged.
  std::optional<StoredPart> decode_stored(const PixelBox& box, int by) {
    // Its header is read already for the first part, which is the only one as a rule.
    std::unique_ptr<JpegDecompressor> d = std::move(opened_);
    if (!d) d = std::make_unique<JpegDecompressor>();
    if (!d->opened() && !d->read_header(bytes_.data(), bytes_.size())) return std::nullopt;
    if (by > 1) d->shrink(by);
    const PixelBox place = d->with_borders(box);
    StoredPart part{{place.width, place.height, {}}, place};
    part.image.rgb.resize(static_cast<std::size_t>(place.width) * place.height * 3);
    if (!d->read_part(place, part.image.rgb.data())) return std::nullopt;
    if (!sound_ || !sound_->load(std::memory_order_relaxed)) {
      std::vector<std::uint8_t> row(static_cast<std::size_t>(place.width) * 3);
      if (!d->read_rest(row.data())) return std::nullopt;
      if (sound_) sound_->store(true, std::memory_order_relaxed);
    }
    return part;
  }

  /// What is wrong with a file is what is wrong with the whole of it, in the same words.
  ImagePart whole() const {
    return {std::make_shared<const Image>(decode_jpeg({bytes_.data(), bytes_.size(), name_}, {limits_, orientation_}))};
  }

  std::unique_ptr<JpegDecompressor> opened_;
  const std::vector<std::uint8_t> bytes_;
  const std::string name_;
  const DecodeLimits limits_;
  const int orientation_;
  std::atomic<bool>* const sound_;
  const int stored_width_, stored_height_;
};

}  // namespace

void put_jpeg_rows(const RowTarget& target, int width, int height, int first, int rows) {
  const std::size_t stride = static_cast<std::size_t>(width) * (target.cmyk ? 4 : 3);
  if (target.cmyk)  // in place: a pixel is written behind where it was read
    cmyk_to_rgb(target.band, static_cast<std::size_t>(width) * rows, target.band);
  const std::size_t rgb_stride = target.cmyk ? static_cast<std::size_t>(width) * 3 : stride;
  Image& image = target.image;
  if (!on_its_side(target.orientation)) {
    for (int r = 0; r < rows; ++r) std::memcpy(image.row(first + r), target.band + r * rgb_stride, rgb_stride);
    return;
  }
  const bool x_from_end = target.orientation == 6 || target.orientation == 7;
  const bool y_from_end = target.orientation == 7 || target.orientation == 8;
  for (int x = 0; x < width; ++x) {
    std::uint8_t* row = image.row(y_from_end ? width - 1 - x : x);
    for (int r = 0; r < rows; ++r) {
      const int column = x_from_end ? height - 1 - (first + r) : first + r;
      std::memcpy(row + 3 * column, target.band + r * rgb_stride + 3 * x, 3);
    }
  }
}

void check_jpeg_header(const ImageBytes& file, const JpegDecompressor& d, const DecodeLimits& limits) {
  check_dimensions(file.name, d.width(), d.height(), limits);
  check_memory(file, d.width(), d.height(), 3, limits);
  check_work(file, d.width(), d.height(), static_cast<std::int64_t>(file.size),
             d.progressive() ? kProgressiveWork : kJpegWork, limits);
}

void bad_jpeg(const ImageBytes& file, const JpegDecompressor& d) {
  if (d.out_of_memory())
    bad_image(file.name,
              "too large: " + std::to_string(d.width()) + "x" + std::to_string(d.height()) +
                  " pixels in several scans take more memory than the limit",
              "shrink it, or allow more with --max-image-mb");
  std::string text = d.message();
  const bool cut = text.find("remature end") != std::string::npos;
  bad_image(file.name, (cut ? "the JPEG is truncated or corrupt (" : "the JPEG is corrupt (") + text + ")");
}

Image decode_jpeg(const ImageBytes& file, const DecodeRequest& request) {
  JpegDecompressor d;
  if (!d.read_header(file.data, file.size)) bad_jpeg(file, d);
  check_jpeg_header(file, d, request.limits);
  const int width = d.width(), height = d.height();
  const bool turn = on_its_side(request.orientation), cmyk = d.channels() == 4;
  Image image{turn ? height : width, turn ? width : height, {}};
  image.rgb.resize(static_cast<std::size_t>(width) * height * 3);
  std::vector<std::uint8_t> band(turn || cmyk ? static_cast<std::size_t>(width) * d.channels() * kJpegBand : 0);
  constexpr std::int64_t kStrips = 1 << 20;  // what the library needs of any picture is not counted as its scans
  d.allow_memory(memory_allowed(file, request.limits) - static_cast<std::int64_t>(image.rgb.size()) + kStrips);
  if (!d.read_pixels({image, request.orientation, cmyk, band.empty() ? nullptr : band.data()})) bad_jpeg(file, d);
  if (!turn) turn_upright(image, request.orientation);
  return image;
}

std::unique_ptr<PartDecoder> open_jpeg_parts(std::vector<std::uint8_t>& bytes, const std::string& name,
                                             const DecodeRequest& request, std::atomic<bool>* sound) {
  const ImageBytes file{bytes.data(), bytes.size(), name};
  auto d = std::make_unique<JpegDecompressor>();
  if (!d->read_header(file.data, file.size)) bad_jpeg(file, *d);
  check_jpeg_header(file, *d, request.limits);
  if (!d->can_be_parted()) return nullptr;
  return std::make_unique<JpegParts>(std::move(d), std::move(bytes), name, request, sound);
}

}  // namespace fledge
