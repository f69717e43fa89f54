#include "nn/losses/classes/angular_margin.h"

#include <cmath>
#include <limits>
#include <numbers>

#include "autograd/ops/ops.h"
#include "nn/losses/classes/class_proxies.h"
#include "nn/losses/classes/classification.h"
#include "nn/losses/counts.h"
#include "tensor/ops/eltwise.h"

namespace fledge {
namespace {

constexpr double kLargestAngle = std::numbers::pi / 2;

void check_margin(const char* op, double scale, double margin, double largest) {
  if (!(scale > 0) || !(margin >= 0 && margin <= largest))
    throw Error(ErrorKind::Usage, op, "scale is " + std::to_string(scale) + " and margin " + std::to_string(margin),
                "the scale must be above 0, the margin in [0, " + std::to_string(largest) + "]");
}

/// N,classes * sub_centres -> N,classes: the largest of each class.
Variable of_nearest_sub_center(const Variable& cosine, std::int64_t sub_centers) {
  if (sub_centers == 1) return cosine;
  return max(reshape(cosine, {cosine.dim(0), cosine.dim(1) / sub_centers, sub_centers}), {2});
}

/// cos(theta + margin) of N cosines, continued as in the header beyond pi - margin.
Variable with_angle(const Variable& t, double margin) {
  // (1 - t)(1 + t) keeps its digits near t = 1, where 1 - t^2 loses them; rounding may leave t a little above 1.
  const Variable sine = sqrt(clamp(affine(t, -1, 1) * affine(t, 1, 1), 0, 1));
  const Variable turned = std::cos(margin) * t - std::sin(margin) * sine;
  const Variable within(not_below_zero(affine(t.value(), 1, std::cos(margin))));  // theta <= pi - margin
  const Variable beyond = t - margin * std::sin(margin);
  return within * (turned - beyond) + beyond;
}

}  // namespace

LossOutput arcface(const Variable& f, const Variable& proxies, const Tensor& labels, double scale, double margin,
                   std::int64_t sub_centers) {
  const std::int64_t classes = check_proxies("arcface", f, proxies, labels, sub_centers);
  check_margin("arcface", scale, margin, kLargestAngle);
  const Variable cosine = of_nearest_sub_center(cosines(f, proxies), sub_centers);
  const Variable own = take_along_row(cosine, labels);
  const Variable change = reshape(with_angle(own, margin) - own, {f.dim(0), 1});
  const Variable at_own(label_matrix(labels, classes, 1, 0, cosine.value().dtype()));
  return {cross_entropy(scale * (cosine + change * at_own), labels), class_numbers(f, cosine.value(), labels)};
}

LossOutput cosface(const Variable& f, const Variable& proxies, const Tensor& labels, double scale, double margin) {
  const std::int64_t classes = check_proxies("cosface", f, proxies, labels);
  check_margin("cosface", scale, margin, std::numeric_limits<double>::infinity());
  const Variable cosine = cosines(f, proxies);
  const Variable change(label_matrix(labels, classes, -margin, 0, cosine.value().dtype()));
  return {cross_entropy(scale * (cosine + change), labels), class_numbers(f, cosine.value(), labels)};
}

namespace {

std::shared_ptr<Loss> make_arcface(const OptionReader& read, const LossSetup& setup) {
  const double scale = read.number("arc-scale", kMinScale);
  const double margin = read.number("arc-margin", 0, kLargestAngle);
  const std::int64_t per_class = read.whole_number("sub-centres", 1, 64);
  return std::make_shared<ProxyLoss>(
      read.loss(), setup,
      [=](const Variable& f, const Variable& proxies, const Tensor& labels) {
        return arcface(f, proxies, labels, scale, margin, per_class);
      },
      per_class);
}

std::shared_ptr<Loss> make_cosface(const OptionReader& read, const LossSetup& setup) {
  const double scale = read.number("cos-scale", kMinScale);
  const double margin = read.number("cos-margin", 0, 2);
  return std::make_shared<ProxyLoss>(read.loss(), setup,
                                     [=](const Variable& f, const Variable& proxies, const Tensor& labels) {
                                       return cosface(f, proxies, labels, scale, margin);
                                     });
}

}  // namespace

LossEntry arcface_entry() {
  return {"arcface",
          LossKind::Metric,
          "cosine softmax with an angle of arc-margin (radians) added at the own class (Deng et al. 2019)",
          {{"arc-scale", "64"}, {"arc-margin", "0.5"}, {"sub-centres", "1"}},
          make_arcface};
}

LossEntry cosface_entry() {
  return {"cosface",
          LossKind::Metric,
          "cosine softmax with cos-margin taken off the own class's cosine (Wang et al. 2018)",
          {{"cos-scale", "64"}, {"cos-margin", "0.35"}},
          make_cosface};
}

}  // namespace fledge
