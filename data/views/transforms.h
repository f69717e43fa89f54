// From a decoded picture to a normalised float picture. A random transform is a pure function of its generator.
#pragma once
#include <string>

#include "data/views/degradation.h"
#include "io/image/resize.h"
#include "io/image/source.h"
#include "kernels/api/image.h"
#include "tensor/random.h"

namespace fledge {

/// Which sampling of the random crop: method.md of the paper's code (2018) or torchvision's of today.
enum class CropSampling {
  Modern,
  Paper
};  // Modern: aspect log-uniform; Paper: aspect uniform, swapped with p = 0.5, fallback square

struct TrainTransform {
  int resize_short = 0;  // 0: none; else short side before the crop (the paper: 256)
  int size = 224;        // output side
  double area_low = 0.08, area_high = 1.0;
  double aspect_low = 3.0 / 4, aspect_high = 4.0 / 3;
  CropSampling sampling = CropSampling::Modern;
  bool random_crop = true;   // false: as EvalTransform
  double flip = 0.5;         // probability of a horizontal flip
  int pad_shift = 0;         // small pictures: pad by this many pixels (edge value 0) and crop back at random; 0: off
  bool fast_decode = false;  // random crops of large JPEGs are made of smaller ones: crop_and_resize_shrunk
};
struct EvalTransform {
  int resize_short = 256;        // 0: none
  int size = 224;                // centre crop; a picture smaller than this is resized so that its short side fits
  bool crop_box = false;         // first cut out the data set's bounding box, where it has one
  Degradation degradation = {};  // last
};
struct Normalization {
  float mean[3] = {0.485f, 0.456f, 0.406f};
  float std[3] = {0.229f, 0.224f, 0.225f};
  /// "imagenet" (torchvision), "keras" ([-1, 1]), "half" (mean 0.5, std 0.5), or the numbers themselves, means and
  /// standard deviations of red, green, blue: "0.48,0.46,0.41/0.27,0.26,0.28".
  static Normalization named(const std::string& name);
  /// What named() reads back: a name where one fits, else the numbers.
  std::string name() const;
  NormalizeParams params() const { return {{mean[0], mean[1], mean[2]}, {std[0], std[1], std[2]}}; }
};

enum class Augmentation {
  Modern,  // one antialiased random resized crop from the decoded picture
  Paper,   // Resize(256), then the 2018 crop of 224
  Rkd,     // random resized crop of area 0.16-1 after a resize to 256 (Park et al. 2019)
  Shift,   // small pictures: shifted by up to a fourteenth of the side
  None,
};
TrainTransform train_preset(Augmentation augmentation, int size);

/// Of the picture no more is decoded than the random numbers choose.
Image apply(const TrainTransform& t, const ImageSource& image, Generator& g);
Image apply(const TrainTransform& t, const Image& image, Generator& g);
struct TransformedPair {
  Image first, second;
};
/// Two pictures of the same thing under the same random numbers: each is cropped by the same draws inside its own size,
/// shift and flip are the same. `first` comes out, and `g` is left, as apply(t, first, g) does it.
TransformedPair apply_to_both(const TrainTransform& t, const ImageSource& first, const ImageSource& second,
                              Generator& g);
TransformedPair apply_to_both(const TrainTransform& t, const Image& first, const Image& second, Generator& g);
/// t.crop_box is not looked at: where the box lies only the data set knows (evaluation_views).
Image apply(const EvalTransform& t, const ImageSource& image);
Image apply(const EvalTransform& t, const Image& image);
/// torchvision's Resize(size): the short side becomes `size`, the long side is cut to a whole number, not rounded.
Image resize_short_side(const Image& image, int size);
}  // namespace fledge
