// Degradation: what makes a good picture a poor one of the same content, for cross-quality distillation
// (the teacher sees the good picture, the student the poor one; after Su & Maji 2017, "Adapting models
// to signal degradation using distillation").
#pragma once
#include <string>

#include "io/image/image.h"

namespace fledge {

/// Applied in this order to the finished crop, which keeps its size. All off by default.
struct Degradation {
  double blur = 0;        // standard deviation of a Gaussian, pixels
  double downsample = 1;  // shrunk by this factor (antialiased bilinear), then enlarged again (bilinear)
  int jpeg = 0;           // quality 1-100 of a JPEG in between; 0: none
  bool any() const { return blur > 0 || downsample > 1 || jpeg > 0; }
  bool operator==(const Degradation&) const = default;
};

/// "downsample=2,jpeg=30,blur=1.5", any part of it; "" and "none": nothing. Errors (Usage): unknown word, bad value.
Degradation parse_degradation(const std::string& text);
/// The text that parse_degradation() takes; "" for none.
std::string to_string(const Degradation& degradation);

Image apply(const Degradation& degradation, const Image& image);

}  // namespace fledge
