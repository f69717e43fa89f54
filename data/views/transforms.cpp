#include "data/views/transforms.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <optional>

#include "base/error.h"
#include "data/views/crop_sampling.h"

namespace fledge {
namespace {

/// Python 3's round: half to even (the rounding mode that nearbyint starts with).
int round_half_even(double v) { return static_cast<int>(std::nearbyint(v)); }

struct Size {
  int width, height;
};

/// torchvision's Resize: the short side becomes `side`, the long side is cut to a whole number, not rounded.
Size short_side_to(const Size& of, int side) {
  const std::int64_t shorter = std::min(of.width, of.height), longer = std::max(of.width, of.height);
  if (shorter == side) return of;
  const int other = static_cast<int>(static_cast<double>(side * longer) / static_cast<double>(shorter));
  return of.width <= of.height ? Size{side, other} : Size{other, side};
}

PixelBox center_box(const Size& of, int size) {
  return {round_half_even((of.width - size) / 2.0), round_half_even((of.height - size) / 2.0), size, size};
}

/// Pads with black on all sides, then cuts the old size out at a random place.
Image shift(const Image& image, int pad, Generator& g) {
  const int dx = static_cast<int>(g.below(2 * pad + 1)) - pad, dy = static_cast<int>(g.below(2 * pad + 1)) - pad;
  Image out{image.width, image.height, std::vector<std::uint8_t>(image.rgb.size(), 0)};
  const int left = std::max(0, dx), right = std::min(image.width, image.width + dx);
  if (right <= left) return out;
  for (int y = std::max(0, dy); y < std::min(image.height, image.height + dy); ++y)
    std::memcpy(out.row(y) + 3 * left, image.row(y - dy) + 3 * (left - dx), static_cast<std::size_t>(right - left) * 3);
  return out;
}

/// Resize and centre crop. Never smaller than the crop: torchvision would pad with black, which no trained network has
/// seen.
Image center_crop(const ImageSource& image, int resize_short, int size, bool mirrored) {
  const Size of{image.width(), image.height()};
  const int shorter = std::min(of.width, of.height);
  const Size resized = short_side_to(of, std::max(resize_short > 0 ? resize_short : shorter, size));
  return resize_and_crop(image, resized.width, resized.height, center_box(resized, size), mirrored);
}

/// What is drawn for a picture of one size: in values and in the number of draws it depends on that size.
struct Cut {
  Size resized;   // what is cropped: the picture, or what it becomes before
  PixelBox crop;  // random, in `resized`; none: the center
};

Cut draw_cut(const TrainTransform& t, const ImageSource& image, Generator& g) {
  Cut cut{{image.width(), image.height()}, {}};
  if (!t.random_crop) return cut;
  if (t.resize_short > 0) cut.resized = short_side_to(cut.resized, t.resize_short);
  cut.crop = sample_crop(t, cut.resized.width, cut.resized.height, g);
  return cut;
}

Image make(const TrainTransform& t, const ImageSource& image, const Cut& cut, bool mirrored) {
  if (!t.random_crop) return center_crop(image, t.resize_short, t.size, mirrored);
  if (t.resize_short <= 0 && t.fast_decode) return crop_and_resize_shrunk(image, cut.crop, t.size, t.size, mirrored);
  if (t.resize_short <= 0) return crop_and_resize(image, cut.crop, t.size, t.size, mirrored);
  // The crop's part of the resized picture only: of a thin picture the whole is gigabytes.
  const Image part = resize_and_crop(image, cut.resized.width, cut.resized.height, cut.crop);
  return crop_and_resize(ImageSource::of(part), {0, 0, part.width, part.height}, t.size, t.size, mirrored);
}

/// What is drawn after the cut is the same for every picture.
Image make_with_rest(const TrainTransform& t, const ImageSource& image, const Cut& cut, Generator& g) {
  if (t.pad_shift == 0) return make(t, image, cut, g.uniform() < t.flip);
  Image out = shift(make(t, image, cut, false), t.pad_shift, g);
  if (g.uniform() < t.flip) flip_horizontal(out);
  return out;
}

constexpr const char* kNormalizations = "imagenet, keras, half, or numbers: MEAN,MEAN,MEAN/STD,STD,STD";

/// "a,b,c/d,e,f": finite numbers, the last three above 0.
std::optional<Normalization> normalization_of_numbers(const std::string& text) {
  Normalization n;
  const char* at = text.data();
  const char* const end = text.data() + text.size();
  for (int i = 0; i < 6; ++i) {
    float& value = i < 3 ? n.mean[i] : n.std[i - 3];
    const auto [stop, error] = std::from_chars(at, end, value);
    if (error != std::errc() || !std::isfinite(value) || (i >= 3 && value <= 0)) return std::nullopt;
    at = stop;
    if (i == 5) break;
    if (at == end || *at++ != (i == 2 ? '/' : ',')) return std::nullopt;
  }
  return at == end ? std::optional(n) : std::nullopt;
}

bool same(const Normalization& a, const Normalization& b) {
  return std::equal(a.mean, a.mean + 3, b.mean) && std::equal(a.std, a.std + 3, b.std);
}

}  // namespace

Normalization Normalization::named(const std::string& name) {
  if (name == "imagenet") return {};
  if (name == "keras" || name == "half") return {{0.5f, 0.5f, 0.5f}, {0.5f, 0.5f, 0.5f}};
  if (const auto numbers = normalization_of_numbers(name)) return *numbers;
  throw Error(ErrorKind::Usage, "", "unknown normalisation '" + name + "'", kNormalizations);
}

std::string Normalization::name() const {
  for (const char* known : {"imagenet", "half"})
    if (same(*this, named(known))) return known;
  std::string text;
  for (int i = 0; i < 6; ++i) {
    char digits[32];
    const auto end = std::to_chars(digits, digits + sizeof digits, i < 3 ? mean[i] : std[i - 3]);
    text += (i == 0 ? "" : i == 3 ? "/" : ",") + std::string(digits, end.ptr);
  }
  return text;
}

TrainTransform train_preset(Augmentation augmentation, int size) {
  TrainTransform t;
  t.size = size;
  const int before_crop = static_cast<int>(std::lround(size * 256.0 / 224.0));
  switch (augmentation) {
    case Augmentation::Modern:
      break;
    case Augmentation::Paper:
      t.resize_short = before_crop;
      t.sampling = CropSampling::Paper;
      break;
    case Augmentation::Rkd:
      t.resize_short = before_crop;
      t.area_low = 0.16;
      break;
    case Augmentation::Shift:
      t.random_crop = false;
      t.pad_shift = std::max(1, size / 14);
      break;
    case Augmentation::None:
      t.random_crop = false;
      t.flip = 0;
      break;
  }
  return t;
}

Image resize_short_side(const Image& image, int size) {
  const Size to = short_side_to({image.width, image.height}, size);
  return to.width == image.width && to.height == image.height ? image : resize(image, to.width, to.height);
}

Image apply(const TrainTransform& t, const ImageSource& image, Generator& g) {
  const Cut cut = draw_cut(t, image, g);
  return make_with_rest(t, image, cut, g);
}

Image apply(const TrainTransform& t, const Image& image, Generator& g) { return apply(t, ImageSource::of(image), g); }

TransformedPair apply_to_both(const TrainTransform& t, const ImageSource& first, const ImageSource& second,
                              Generator& g) {
  Generator crop_of_second = g;
  const Cut cut_of_first = draw_cut(t, first, g), cut_of_second = draw_cut(t, second, crop_of_second);
  // A crop takes as many draws as it needs attempts: from here on both pictures go on with the first one's generator.
  Generator rest_of_second = g;
  Image of_first = make_with_rest(t, first, cut_of_first, g);
  return {std::move(of_first), make_with_rest(t, second, cut_of_second, rest_of_second)};
}

TransformedPair apply_to_both(const TrainTransform& t, const Image& first, const Image& second, Generator& g) {
  return apply_to_both(t, ImageSource::of(first), ImageSource::of(second), g);
}

Image apply(const EvalTransform& t, const ImageSource& image) {
  const Image out = center_crop(image, t.resize_short, t.size, false);
  return t.degradation.any() ? apply(t.degradation, out) : out;
}

Image apply(const EvalTransform& t, const Image& image) { return apply(t, ImageSource::of(image)); }

}  // namespace fledge
