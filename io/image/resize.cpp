#include "io/image/resize.h"

#include <algorithm>
#include <cstring>

#include "io/image/resize_passes.h"
#include "kernels/api/error.h"

namespace fledge {

namespace {

/// A rectangle of pixels in someone else's memory. `tail` says that the byte behind the last row's last pixel is not
/// ours to read.
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

void check_box(const Image& image, const PixelBox& box, const char* op) {
  if (box.left >= 0 && box.top >= 0 && box.width > 0 && box.height > 0 && box.left <= image.width - box.width &&
      box.top <= image.height - box.height)
    return;
  throw Error(ErrorKind::Usage, op,
              "the box " + size_text(box.width, box.height) + " at (" + std::to_string(box.left) + ", " +
                  std::to_string(box.top) + ") does not lie in the picture of " + size_text(image.width, image.height));
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

Image resample(const Region& in, int width, int height, float left, float top, float right, float bottom) {
  static thread_local Scratch s;
  Image out{width, height, std::vector<std::uint8_t>(static_cast<std::size_t>(width) * height * 3)};
  const bool along_x = width != in.width || left != 0 || right != static_cast<float>(width);
  const bool along_y = height != in.height || top != 0 || bottom != static_cast<float>(height);
  if (along_y) s.vertical.fill(in.height, top, bottom, height);
  if (!along_x && !along_y) {
    for (int y = 0; y < height; ++y)
      std::memcpy(out.row(y), in.data + y * in.stride, static_cast<std::size_t>(width) * 3);
    return out;
  }
  if (!along_x) {
    vertical(in.data, in.stride, 0, out, s.vertical);
    return out;
  }
  s.horizontal.fill(in.width, left, right, width);
  // Only the rows that the second pass will read.
  const int from = along_y ? s.vertical.begin() : 0, to = along_y ? s.vertical.end() : in.height;
  const std::size_t stride = static_cast<std::size_t>(width) * 3 + 1;
  s.rows.resize(static_cast<std::size_t>(to - from) * stride);
  horizontal(in, from, to, s.rows.data(), stride, width, s);
  if (along_y) {
    vertical(s.rows.data(), stride, from, out, s.vertical);
  } else {
    for (int y = 0; y < height; ++y) std::memcpy(out.row(y), s.rows.data() + y * stride, stride - 1);
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
  return resample(in, width, height, left, top, right, bottom);
}

Image resize(const Image& image, int width, int height) {
  return resize(image, width, height, {0, 0, static_cast<double>(image.width), static_cast<double>(image.height)});
}

Image crop_and_resize(const Image& image, const PixelBox& box, int width, int height) {
  check_size(image, width, height);
  check_box(image, box, "crop_and_resize");
  const bool tail = box.top + box.height == image.height && box.left + box.width == image.width;
  const Region in{image.row(box.top) + static_cast<std::size_t>(box.left) * 3, box.width, box.height,
                  static_cast<std::size_t>(image.width) * 3, tail};
  return resample(in, width, height, 0, 0, static_cast<float>(box.width), static_cast<float>(box.height));
}

Image crop(const Image& image, const PixelBox& box) {
  check_box(image, box, "crop");
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
