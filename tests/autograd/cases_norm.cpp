#include <cmath>

#include "autograd/ops/conv.h"
#include "autograd/ops/norm.h"
#include "tensor/creation.h"
#include "tensor/ops/norm.h"
#include "tests/autograd/cases.h"

namespace fledge::test {
namespace {

const char* name_of_activation(Activation a) {
  return a == Activation::None ? "no activation" : a == Activation::ReLU ? "ReLU" : "ReLU6";
}

Variable apply(const Leaves& v, bool training, bool residual, Activation activation) {
  // Constants of evaluation mode; training must not depend on them.
  static const Tensor means = normal({3}, 77), vars = uniform({3}, 78, 0.5, 2);
  const Tensor& gamma = v[1].value();
  const Tensor mean = means.to(gamma.dtype()).to(gamma.device()), var = vars.to(gamma.dtype()).to(gamma.device());
  const BatchNormParams params{.activation = activation};
  const Variable added = residual ? v[3] : Variable();
  return batch_norm(v[0], v[1], v[2], added, training ? Tensor() : mean, training ? Tensor() : var, training, params);
}

/// Distance of the values before the activation to the kinks at 0 and 6.
double distance_to_kinks(const std::vector<Tensor>& inputs, bool training, bool residual) {
  Leaves constants;
  for (const Tensor& t : inputs) constants.emplace_back(t);
  double distance = 1;
  for (double z : apply(constants, training, residual, Activation::None).value().to_vector<double>())
    distance = std::min({distance, std::abs(z), std::abs(z - 6)});
  return distance;
}

std::vector<Tensor> inputs_away_from_kinks(bool training, bool residual) {
  const Dims x{2, 3, 3, 2};
  for (std::uint64_t seed = 1;; seed += 10) {
    // Scale 4 and shift 3 spread the values over both kinks of ReLU6.
    std::vector<Tensor> inputs{normal(x, seed, Layout::ChannelsLast), uniform({3}, seed + 1, 3, 5),
                               uniform({3}, seed + 2, 2, 4)};
    if (residual) inputs.push_back(normal(x, seed + 3, Layout::ChannelsLast));
    if (distance_to_kinks(inputs, training, residual) > 1e-3) return inputs;
  }
}

/// Taps that leave what they are applied to as it is.
Tensor identity_taps(std::int64_t channels) {
  const Tensor taps = full({channels, channels, 1, 1}, 0, DType::Float64);
  for (std::int64_t i = 0; i < channels; ++i) taps.data<double>()[i * channels + i] = 1;
  return taps;
}

}  // namespace

std::vector<GradCase> norm_cases() {
  std::vector<GradCase> cases;
  for (bool training : {true, false}) {
    for (bool residual : {false, true}) {
      for (Activation activation : {Activation::None, Activation::ReLU, Activation::ReLU6}) {
        GradCase c{"batch_norm", name_of_activation(activation), inputs_away_from_kinks(training, residual), nullptr};
        c.what += std::string(training ? ", training" : ", evaluation") + (residual ? ", residual" : "");
        c.f = [=](const Leaves& v) { return apply(v, training, residual, activation); };
        cases.push_back(c);
      }
    }
  }
  // The moments come from the convolution, and the gradient goes through them all the same.
  GradCase behind{"batch_norm",
                  "moments of a convolution",
                  {normal({2, 2, 3, 2}, 81, Layout::ChannelsLast), normal({3, 2, 1, 1}, 82), uniform({3}, 83, 1, 2),
                   uniform({3}, 84, -1, 1)},
                  nullptr};
  behind.f = [](const Leaves& v) {
    Tensor moments;
    const Variable y = conv2d(v[0], v[1], {}, {}, &moments);
    return batch_norm(y, v[2], v[3], {}, {}, {}, true, {}, moments);
  };
  cases.push_back(behind);
  for (Activation activation : {Activation::None, Activation::ReLU, Activation::ReLU6}) {
    const std::vector<Tensor> x = inputs_away_from_kinks(true, false);
    GradCase between{
        "batch_norm_pointwise", name_of_activation(activation), {x[0], x[1], x[2], normal({4, 3, 1, 1}, 85)}, nullptr};
    between.f = [=](const Leaves& v) {
      const Tensor one_tap = identity_taps(3).to(v[0].value().dtype()).to(v[0].value().device());
      Tensor moments, of_result;
      const Variable same = conv2d(v[0], Variable(one_tap), {}, {}, &moments);  // gathers the moments
      const BatchNormParams params{.activation = activation};
      if (!has_batch_norm_pointwise(same.value()))
        return conv2d(batch_norm(same, v[1], v[2], {}, {}, {}, true, params, moments), v[3], {}, {});
      return batch_norm_pointwise(same, v[1], v[2], {}, {}, moments, v[3], params, &of_result);
    };
    cases.push_back(between);
  }
  return cases;
}

}  // namespace fledge::test
