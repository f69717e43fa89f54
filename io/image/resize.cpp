#include "io/image/resize.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "io/image/resize/passes.h"

namespace fledge {
namespace {

struct Scratch {
  ResizeCoefficients horizontal, vertical;
  std::vector<std::uint8_t> rows, last_rows;
};

std::string size_text(int width, int height) { return std::to_string(width) + "x" + std::to_string(height); }

void check_size(int in_width, int width, int height) {
  if (in_width < 1) throw Error(ErrorKind::Usage, "resize", "the picture is empty");
  if (width < 1 || height < 1)
    throw Error(ErrorKind::Usage, "resize", "the target size must be positive: " + size_text(width, height));
}

/// What is wanted: the whole of a picture, or a part of it, stretched to width x height pixels, of these the window,
/// mirrored or not.
struct Stretch {
  int width, height;
  float left, top, right, bottom;
  PixelBox window;
  bool mirrored = false;
};

/// The part's rows [from, to), resampled along x; row r goes to out + (r - from) * out_stride.
void along_rows(const ImagePart& in, int from, int to, std::uint8_t* out, std::size_t out_stride, int out_width,
                Scratch& s) {
  const ResizePasses& passes = resize_passes();
  const Image& pixels = *in.pixels;
  const std::size_t row = static_cast<std::size_t>(pixels.width) * 3;
  s.last_rows.resize(kRowsAtOnce * (row + kReadBeyond));
  for (int r = from; r < to; r += kRowsAtOnce) {
    const int rows = std::min(kRowsAtOnce, to - r);
    const std::uint8_t* source[kRowsAtOnce];
    std::uint8_t* target[kRowsAtOnce];
    for (int i = 0; i < rows; ++i) {
      const int y = r + i - in.top;
      source[i] = pixels.row(y);
      target[i] = out + static_cast<std::size_t>(r + i - from) * out_stride;
      if (static_cast<std::size_t>(pixels.height - 1 - y) * row <
          kReadBeyond) {  // what lies further behind is not ours to read
        std::uint8_t* copy = s.last_rows.data() + i * (row + kReadBeyond);
        std::memcpy(copy, source[i], row);
        source[i] = copy;
      }
    }
    passes.horizontal(source, target, rows, out_width, s.horizontal);
  }
}

/// `in`: the row in_first.
void along_columns(const std::uint8_t* in, std::size_t stride, int in_first, Image& out, const ResizeCoefficients& c) {
  const ResizePasses& passes = resize_passes();
  for (int y = 0; y < out.height; ++y)
    passes.vertical(in + static_cast<std::size_t>(c.first[y] - in_first) * stride, stride, c, y, out.row(y),
                    out.width * 3);
}

Image resample(const ImageSource& in, const Stretch& to) {
  static thread_local Scratch s;
  const PixelBox& w = to.window;
  Image out{w.width, w.height, std::vector<std::uint8_t>(static_cast<std::size_t>(w.width) * w.height * 3)};
  const std::size_t out_row = static_cast<std::size_t>(w.width) * 3;
  const bool along_x = to.width != in.width() || to.left != 0 || to.right != static_cast<float>(to.width);
  const bool along_y = to.height != in.height() || to.top != 0 || to.bottom != static_cast<float>(to.height);
  if (along_x) s.horizontal.fill(in.width(), to.left, to.right, to.width, w.left, w.width);
  if (along_y) s.vertical.fill(in.height(), to.top, to.bottom, to.height, w.top, w.height);
  // Only the pixels that the window needs.
  const int left = along_x ? s.horizontal.begin() : w.left, right = along_x ? s.horizontal.end() : w.left + w.width;
  const int from = along_y ? s.vertical.begin() : w.top, end = along_y ? s.vertical.end() : w.top + w.height;
  const ImagePart part = in.part({left, from, right - left, end - from});
  if (along_x) {
    s.horizontal.shift(-part.left);
    if (to.mirrored) s.horizontal.mirror();
    s.horizontal.pair();
  }
  if (along_y) s.vertical.pair();
  if (!along_x && !along_y) {
    for (int y = 0; y < w.height; ++y) std::memcpy(out.row(y), part.at(w.left, w.top + y), out_row);
  } else if (!along_x) {
    along_columns(part.at(w.left, from), static_cast<std::size_t>(part.pixels->width) * 3, from, out, s.vertical);
  } else {
    const std::size_t stride = out_row + kWriteBeyond;
    s.rows.resize(static_cast<std::size_t>(end - from) * stride);
    along_rows(part, from, end, s.rows.data(), stride, w.width, s);
    if (along_y) {
      along_columns(s.rows.data(), stride, from, out, s.vertical);
    } else {
      for (int y = 0; y < w.height; ++y) std::memcpy(out.row(y), s.rows.data() + y * stride, out_row);
    }
  }
  if (to.mirrored && !along_x) flip_horizontal(out);
  return out;
}

}  // namespace

Image resize(const Image& image, int width, int height, const Box& box) {
  check_size(image.empty() ? 0 : image.width, width, height);
  const float left = static_cast<float>(box.left), top = static_cast<float>(box.top);
  const float right = static_cast<float>(box.right), bottom = static_cast<float>(box.bottom);
  // Written so that NaN is refused as well.
  if (!(left >= 0 && top >= 0 && right <= image.width && bottom <= image.height && left < right && top < bottom))
    throw Error(ErrorKind::Usage, "resize",
                "the box (" + std::to_string(box.left) + ", " + std::to_string(box.top) + ") to (" +
                    std::to_string(box.right) + ", " + std::to_string(box.bottom) +
                    ") is empty or not inside the picture of " + size_text(image.width, image.height));
  return resample(ImageSource::of(image), {width, height, left, top, right, bottom, {0, 0, width, height}});
}

Image resize(const Image& image, int width, int height) {
  return resize(image, width, height, {0, 0, static_cast<double>(image.width), static_cast<double>(image.height)});
}

Image crop_and_resize(const ImageSource& image, const PixelBox& box, int width, int height, bool mirrored) {
  check_size(image.width(), width, height);
  check_box(image.width(), image.height(), box, "crop_and_resize");
  return resample(image.cut(box), {width,
                                   height,
                                   0,
                                   0,
                                   static_cast<float>(box.width),
                                   static_cast<float>(box.height),
                                   {0, 0, width, height},
                                   mirrored});
}

Image crop_and_resize_shrunk(const ImageSource& image, const PixelBox& box, int width, int height, bool mirrored) {
  check_size(image.width(), width, height);
  check_box(image.width(), image.height(), box, "crop_and_resize_shrunk");
  int by = 8;
  while (by > 1 && (box.width / by < width || box.height / by < height)) by /= 2;
  const std::optional<ShrunkPart> part = by > 1 ? image.shrunk(box, by) : std::nullopt;
  if (!part) return crop_and_resize(image, box, width, height, mirrored);
  return resample(ImageSource::of(*part->pixels), {width,
                                                   height,
                                                   static_cast<float>(part->left),
                                                   static_cast<float>(part->top),
                                                   static_cast<float>(part->right),
                                                   static_cast<float>(part->bottom),
                                                   {0, 0, width, height},
                                                   mirrored});
}

Image crop_and_resize(const Image& image, const PixelBox& box, int width, int height) {
  return crop_and_resize(ImageSource::of(image), box, width, height);
}

Image resize_and_crop(const ImageSource& image, int width, int height, const PixelBox& box, bool mirrored) {
  check_size(image.width(), width, height);
  check_box(width, height, box, "resize_and_crop");
  return resample(image, {width, height, 0, 0, static_cast<float>(image.width()), static_cast<float>(image.height()),
                          box, mirrored});
}

Image resize_and_crop(const Image& image, int width, int height, const PixelBox& box) {
  return resize_and_crop(ImageSource::of(image), width, height, box);
}

Image crop(const Image& image, const PixelBox& box) {
  check_box(image.width, image.height, box, "crop");
  Image out{box.width, box.height, std::vector<std::uint8_t>(static_cast<std::size_t>(box.width) * box.height * 3)};
  for (int y = 0; y < box.height; ++y)
    std::memcpy(out.row(y), image.row(box.top + y) + static_cast<std::size_t>(box.left) * 3,
                static_cast<std::size_t>(box.width) * 3);
  return out;
}

void flip_horizontal(Image& image) {
  for (int y = 0; y < image.height; ++y) {
    std::uint8_t* row = image.row(y);
    for (int a = 0, b = image.width - 1; a < b; ++a, --b) std::swap_ranges(row + 3 * a, row + 3 * a + 3, row + 3 * b);
  }
}

}  // namespace fledge
