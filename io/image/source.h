// A picture whose size is known before its pixels are: who needs a part of it decodes no more than that part costs.
#pragma once
#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "io/image/image.h"

namespace fledge {

/// Pixels of a larger picture, in its own coordinates: pixels->row(0) begins at (left, top) of it.
struct ImagePart {
  std::shared_ptr<const Image> pixels;
  int left = 0, top = 0;

  /// The pixel (x, y) of the larger picture.
  const std::uint8_t* at(int x, int y) const {
    return pixels->row(y - top) + static_cast<std::ptrdiff_t>(x - left) * 3;
  }
};

/// Pixels of a picture at 1/2, 1/4 or 1/8 of its size that cover a box of it, and where among them the box lies.
struct ShrunkPart {
  std::shared_ptr<const Image> pixels;
  double left = 0, top = 0, right = 0, bottom = 0;
};

/// A file that can be decoded in parts. Not thread-safe.
class PartDecoder {
 public:
  virtual ~PartDecoder() = default;
  virtual int width() const = 0;
  virtual int height() const = 0;
  /// At least the pixels of the box, which lies in the picture; these equal the whole picture's. Errors as
  /// decode_image().
  virtual ImagePart decode(const PixelBox& box) = 0;
  /// `by`: 2, 4 or 8. Nothing: this file cannot be decoded smaller than it is.
  virtual std::optional<ShrunkPart> decode_shrunk(const PixelBox& box, int by) = 0;
};

/// A picture, decoded or to be decoded; or a rectangle of one.
class ImageSource {
 public:
  explicit ImageSource(Image image);
  explicit ImageSource(std::unique_ptr<PartDecoder> decoder);
  /// Of a picture that outlives it.
  static ImageSource of(const Image& image);

  int width() const { return window_.width; }
  int height() const { return window_.height; }
  /// At least the pixels of `box`, a rectangle of this picture.
  ImagePart part(const PixelBox& box) const;
  /// The box at 1/`by` of its size, by 2, 4 or 8, which a JPEG is decoded to in less time; its pixels are not those of
  /// any resize here. Nothing: it is decoded already, or cannot be decoded so.
  std::optional<ShrunkPart> shrunk(const PixelBox& box, int by) const;
  /// The rectangle as a picture of its own: pixels beside it are never looked at. Throws Error(Usage): it does not lie
  /// in the picture.
  ImageSource cut(const PixelBox& box) const;
  /// All of it, decoded: from now on parts cost nothing.
  ImageSource decoded() const;
  Image whole() const;

 private:
  ImageSource(std::shared_ptr<PartDecoder> decoder, ImagePart kept, PixelBox window)
      : decoder_(std::move(decoder)), kept_(std::move(kept)), window_(window) {}

  std::shared_ptr<PartDecoder> decoder_;  // null: `kept_` is the picture
  ImagePart kept_;
  PixelBox window_;
};

/// Opens a picture file: reads it and its header. What decode_image_file() refuses is refused here or where its pixels
/// are asked for. Of a JPEG in one scan a part is decoded alone, exactly as in the whole.
/// `sound`: whether the file was once read through to its end. While it was not, what lies behind a part is read too,
/// so a damaged file is found whichever part is asked for; then it is set. Null: read through every time.
ImageSource open_image_file(const std::string& path, ExifRotation exif, std::atomic<bool>* sound = nullptr,
                            const DecodeLimits& limits = decode_limits());
/// The same of a file's bytes.
ImageSource open_image(std::vector<std::uint8_t> bytes, const std::string& name, ExifRotation exif,
                       std::atomic<bool>* sound = nullptr, const DecodeLimits& limits = decode_limits());

/// Throws Error(Usage) naming `op` where the box does not lie in a picture of width x height.
void check_box(int width, int height, const PixelBox& box, const char* op);

}  // namespace fledge
