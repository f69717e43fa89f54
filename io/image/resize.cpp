#include "io/image/resize.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "io/image/resize_passes.h"

namespace fledge {
namespace {

/// A rectangle of pixels in someone else's memory. `tail` says that the byte behind the
/// last row's last pixel is not ours to read.
struct Region {
  const std::uint8_t* data;
  int width, height;
  std::size_t stride;
  bool tail;
};

struct Scratch {
  ResizeCoefficients horizontal, vertical;
  std::vector<std::uint8_t> rows, last_row;
};

std::string size_text(int width, int height) { return std::to_string(width) + "x" + std::to_string(height); }

void check_size(const Image& image, int width, int height) {
  if (image.empty()) throw Error(ErrorKind::Usage, "resize", "the picture is empty");
  if (width < 1 || height < 1)
    throw Error(ErrorKind::Usage, "resize", "the target size must be positive: " + size_text(width, height));
}

void check_box(int width, int height, const PixelBox& box, const char* op) {
  if (box.left >= 0 && box.top >= 0 && box.width > 0 && box.height > 0 && box.left <= width - box.width &&
      box.top <= height - box.height)
    return;
  throw Error(ErrorKind::Usage, op,
              "the box " + size_text(box.width, box.height) + " at (" + std::to_string(box.left) + ", " +
                  std::to_string(box.top) + ") does not lie in the picture of " + size_text(width, height));
}

/// Rows [from, to) of the region, resampled to out_width; row r goes to out + (r - from) * out_stride.
void horizontal(const Region& in, int from, int to, std::uint8_t* out, std::size_t out_stride, int out_width,
                Scratch& s) {
  const ResizePasses& passes = resize_passes();
  for (int r = from; r < to; r += 4) {
    const int rows = std::min(4, to - r);
    const std::uint8_t* source[4];
    std::uint8_t* target[4];
    for (int i = 0; i < rows; ++i) {
      source[i] = in.data + (r + i) * in.stride;
      target[i] = out + static_cast<std::size_t>(r + i - from) * out_stride;
      if (in.tail && r + i == in.height - 1) {
        s.last_row.assign(source[i], source[i] + static_cast<std::size_t>(in.width) * 3);
        s.last_row.push_back(0);
        source[i] = s.last_row.data();
      }
    }
    passes.horizontal(source, target, rows, out_width, s.horizontal);
  }
}

void vertical(const std::uint8_t* in, std::size_t stride, int in_first, Image& out, const ResizeCoefficients& c) {
  const ResizePasses& passes = resize_passes();
  for (int y = 0; y < out.height; ++y)
    passes.vertical(in + static_cast<std::size_t>(c.first[y] - in_first) * stride, stride,
                    c.weights.data() + static_cast<std::size_t>(y) * c.taps, c.count[y], out.row(y), out.width * 3);
}

/// What is wanted: the whole of a region, or a part of it, stretched to width x height pixels, of these the window.
struct Stretch {
  int width, height;
  float left, top, right, bottom;
  PixelBox window;
};

Image resample(const Region& in, const Stretch& to) {
  static thread_local Scratch s;
  const PixelBox& w = to.window;
  Image out{w.width, w.height, std::vector<std::uint8_t>(static_cast<std::size_t>(w.width) * w.height * 3)};
  const std::size_t out_row = static_cast<std::size_t>(w.width) * 3;
  const bool along_x = to.width != in.width || to.left != 0 || to.right != static_cast<float>(to.width);
  const bool along_y = to.height != in.height || to.top != 0 || to.bottom != static_cast<float>(to.height);
  if (along_y) s.vertical.fill(in.height, to.top, to.bottom, to.height, w.top, w.height);
  const std::uint8_t* part = in.data + static_cast<std::size_t>(w.left) * 3;  // of the input, where x is not resampled
  if (!along_x && !along_y) {
    for (int y = 0; y < w.height; ++y) std::memcpy(out.row(y), part + (w.top + y) * in.stride, out_row);
    return out;
  }
  if (!along_x) {
    vertical(part, in.stride, 0, out, s.vertical);
    return out;
  }
  s.horizontal.fill(in.width, to.left, to.right, to.width, w.left, w.width);
  // Only the rows that the second pass will read.
  const int from = along_y ? s.vertical.begin() : w.top, end = along_y ? s.vertical.end() : w.top + w.height;
  const std::size_t stride = out_row + 1;
  s.rows.resize(static_cast<std::size_t>(end - from) * stride);
  horizontal(in, from, end, s.rows.data(), stride, w.width, s);
  if (along_y) {
    vertical(s.rows.data(), stride, from, out, s.vertical);
  } else {
    for (int y = 0; y < w.height; ++y) std::memcpy(out.row(y), s.rows.data() + y * stride, out_row);
  }
  return out;
}

}  // namespace

Image resize(const Image& image, int width, int height, const Box& box) {
  check_size(image, width, height);
  const float left = static_cast<float>(box.left), top = static_cast<float>(box.top);
  const float right = static_cast<float>(box.right), bottom = static_cast<float>(box.bottom);
  // Written so that NaN is refused as well.
  if (!(left >= 0 && top >= 0 && right <= image.width && bottom <= image.height && left < right && top < bottom))
    throw Error(ErrorKind::Usage, "resize",
                "the box (" + std::to_string(box.left) + ", " + std::to_string(box.top) + ") to (" +
                    std::to_string(box.right) + ", " + std::to_string(box.bottom) +
                    ") is empty or not inside the picture of " + size_text(image.width, image.height));
  const Region in{image.rgb.data(), image.width, image.height, static_cast<std::size_t>(image.width) * 3, true};
  return resample(in, {width, height, left, top, right, bottom, {0, 0, width, height}});
}

Image resize(const Image& image, int width, int height) {
  return resize(image, width, height, {0, 0, static_cast<double>(image.width), static_cast<double>(image.height)});
}

Image crop_and_resize(const Image& image, const PixelBox& box, int width, int height) {
  check_size(image, width, height);
  check_box(image.width, image.height, box, "crop_and_resize");
  const bool tail = box.top + box.height == image.height && box.left + box.width == image.width;
  const Region in{image.row(box.top) + static_cast<std::size_t>(box.left) * 3, box.width, box.height,
                  static_cast<std::size_t>(image.width) * 3, tail};
  return resample(
      in, {width, height, 0, 0, static_cast<float>(box.width), static_cast<float>(box.height), {0, 0, width, height}});
}

Image resize_and_crop(const Image& image, int width, int height, const PixelBox& box) {
  check_size(image, width, height);
  check_box(width, height, box, "resize_and_crop");
  const Region in{image.rgb.data(), image.width, image.height, static_cast<std::size_t>(image.width) * 3, true};
  return resample(in, {width, height, 0, 0, static_cast<float>(image.width), static_cast<float>(image.height), box});
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
