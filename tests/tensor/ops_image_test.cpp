// Convolution, normalisation and pooling against values worked out by hand; both layouts must give the same.
#include <catch2/catch.hpp>
#include <cmath>

#include "tensor/creation.h"
#include "tensor/ops/conv.h"
#include "tensor/ops/eltwise.h"
#include "tensor/ops/norm.h"
#include "tensor/ops/pool.h"
#include "tensor/random.h"
#include "tests/tensor/errors.h"

using namespace fledge;
using test::error_of;
using Doubles = std::vector<double>;

namespace {

Tensor image(const Dims& dims, DType t, Layout layout = Layout::Contiguous) {
  Generator g(5);
  return rand_normal(dims, g, 0, 1, t, layout);
}

void check_close(const Tensor& a, const Tensor& b, double tolerance = 1e-5) {
  REQUIRE(a.dims() == b.dims());
  const Doubles x = a.to_vector<double>(), y = b.to_vector<double>();
  double worst = 0;
  for (std::size_t i = 0; i < x.size(); ++i) worst = std::max(worst, std::abs(x[i] - y[i]));
  CHECK(worst <= tolerance);
}

const Conv2dParams kPad1{.pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1};

}  // namespace

TEST_CASE("conv2d and its gradients by hand", "[ops][conv]") {
  for (DType t : {DType::Float32, DType::Float64}) {
    const Tensor x = arange(9, t).reshape({1, 1, 3, 3}), w = arange(4, t).reshape({1, 1, 2, 2});
    const Tensor bias = full({1}, 10, t);
    // Window (0,1,3,4) . (0,1,2,3) = 0 + 1 + 6 + 12 = 19, one more column or row adds 6 or 18.
    CHECK(conv2d(x, w, {}, {}).to_vector<double>() == Doubles{19, 25, 37, 43});
    CHECK(conv2d(x, w, bias, {}).to_vector<double>() == Doubles{29, 35, 47, 53});
    const Tensor dy = from_vector<double>({1, 0, 0, 2}, {1, 1, 2, 2}).to(t);
    CHECK(conv2d_grad_input(dy, w, x.dims(), {}).to_vector<double>() == Doubles{0, 1, 0, 2, 3, 2, 0, 4, 6});
    CHECK(conv2d_grad_weight(dy, x, w.dims(), {}).to_vector<double>() == Doubles{8, 11, 17, 20});
    CHECK(conv2d_grad_bias(dy).to_vector<double>() == Doubles{3});
    const Tensor residual = full({1, 1, 2, 2}, -50, t);
    CHECK(conv2d_fused(x, w, bias, residual, Activation::ReLU, {}).to_vector<double>() == Doubles{0, 0, 0, 3});
  }
}

TEST_CASE("pixels_conv2d_fused: the convolution of the normalized pictures, and its errors", "[ops][conv]") {
  const Tensor pixels = from_vector<double>({0, 0, 0, 255, 255, 255}, {1, 1, 2, 3}).to(DType::UInt8);
  const StoredPictures pictures{pixels, {{0.5f, 0.5f, 0.5f}, {0.5f, 0.25f, 0.125f}}};  // -1 -2 -4 and 1 2 4
  const Tensor w = from_vector<double>({1, 10, 100}, {1, 3, 1, 1}), bias = full({1}, 1000, DType::Float64);
  for (DType t : {DType::Float32, DType::Float64, DType::BFloat16}) {
    const Tensor weight = w.to(t), b = bias.to(t == DType::Float64 ? t : DType::Float32);
    CHECK(pixels_conv2d_fused(pictures, weight, b, Activation::None, {}).to_vector<double>()[0] ==
          (t == DType::BFloat16 ? 580 : 579));
    CHECK(pixels_conv2d_fused(pictures, weight, {}, Activation::ReLU, {}).to_vector<double>()[0] == 0);
  }
  const auto error = [&](const Tensor& of, const Tensor& weight, const Tensor& b = {}) {
    return error_of([&] { pixels_conv2d_fused({of, {}}, weight, b, Activation::None, {}); });
  };
  const Tensor one = ones({1, 3, 1, 1});
  CHECK_THAT(error(ones({1, 1, 2, 3}), one), Catch::Contains("uint8"));
  CHECK_THAT(error(pixels.reshape({1, 2, 3}), one), Catch::Contains("pixels_conv2d_fused"));
  CHECK_THAT(error(pixels.reshape({1, 2, 3, 1}), one), Catch::Contains("N,H,W,3"));
  CHECK_THAT(error(pixels, ones({1, 4, 1, 1})), Catch::Contains("channels"));
  CHECK_THAT(error(pixels, ones({1, 3, 2, 2})), Catch::Contains("larger than the padded picture"));
  CHECK_THAT(error(pixels, one, ones({2})), Catch::Contains("bias"));
}

TEST_CASE("conv2d gives channels-last and the same values from either layout", "[ops][conv]") {
  for (DType t : {DType::Float32, DType::Float64})
    for (int groups : {1, 2, 4}) {
      const Tensor x = image({2, 4, 5, 6}, t), w = image({8, 4 / groups, 3, 3}, t);
      Conv2dParams p = kPad1;
      p.groups = groups;
      p.stride_h = 2;
      const Tensor xc = x.contiguous(Layout::ChannelsLast), wc = w.contiguous(Layout::ChannelsLast);
      const Tensor y = conv2d(x, w, {}, p);
      CHECK(y.dims() == Dims{2, 8, 3, 6});
      CHECK(y.is_channels_last());
      check_close(y, conv2d(xc, wc, {}, p));
      check_close(y, conv2d_fused(x, wc, {}, {}, Activation::None, p));
      const Tensor dy = image(y.dims(), t), dyc = dy.contiguous(Layout::ChannelsLast);
      const Tensor dx = conv2d_grad_input(dy, w, x.dims(), p), dw = conv2d_grad_weight(dy, x, w.dims(), p);
      CHECK((dx.is_channels_last() && dw.is_channels_last()));
      check_close(dx, conv2d_grad_input(dyc, wc, x.dims(), p));
      check_close(dw, conv2d_grad_weight(dyc, xc, w.dims(), p), 1e-4);
      check_close(conv2d_grad_bias(dy), conv2d_grad_bias(dyc));
    }
}

TEST_CASE("conv2d without a batch", "[ops][conv]") {
  const Tensor x = zeros({0, 3, 5, 5}), w = ones({2, 3, 3, 3});
  const Tensor y = conv2d(x, w, {}, kPad1);
  CHECK(y.dims() == Dims{0, 2, 5, 5});
  CHECK(conv2d_grad_weight(y, x, w.dims(), kPad1).to_vector<double>() == Doubles(54, 0));
  CHECK(conv2d_grad_bias(y).to_vector<double>() == Doubles{0, 0});
}

TEST_CASE("conv2d says what is wrong", "[ops][conv]") {
  const Tensor x = zeros({8, 64, 56, 56}), w = zeros({128, 32, 3, 3});
  CHECK(
      error_of([&] { conv2d(x, w, {}, kPad1); }) ==
      "[conv2d] input has 64 channels but weight expects 32 per group x 1 group: input 8x64x56x56, weight 128x32x3x3; "
      "did you mean groups=2?");
  CHECK(error_of([&] {
          conv2d(x, zeros({8, 48, 1, 1}), {}, {});
        }) ==
        "[conv2d] input has 64 channels but weight expects 48 per group x 1 group: input 8x64x56x56, weight 8x48x1x1");
  CHECK(error_of([&] {
          conv2d(zeros({8, 64}), w, {}, {});
        }) ==
        "[conv2d] input must have 4 axes: input 8x64 float32 contiguous cpu; images are N,C,H,W, filters K,C,R,S");
  CHECK(error_of([&] { conv2d({}, w, {}, {}); }) == "[conv2d] input is undefined");
  CHECK(error_of([&] {
          conv2d(x, zeros({8, 64, 1, 1}, DType::Float64), {}, {});
        }) ==
        "[conv2d] dtypes of input and weight must be equal: input 8x64x56x56 float32 contiguous cpu, weight 8x64x1x1 "
        "float64 contiguous cpu; convert one with to(dtype)");
  CHECK(
      error_of([&] {
        conv2d(zeros({1, 1, 2, 2}), zeros({1, 1, 5, 3}), {}, kPad1);
      }) ==
      "[conv2d] the filter is larger than the padded picture, no output is left: input 1x1x2x2, weight 1x1x5x3, padded "
      "4x4; use a larger picture or more padding");
  CHECK(error_of([&] {
          conv2d(x, zeros({8, 64, 1, 1}), zeros({7}), {});
        }) == "[conv2d] bias must be 8 (one per output channel): bias 7 float32 contiguous cpu");
  CHECK(error_of([&] {
          conv2d(x, zeros({9, 32, 1, 1}), {}, {.groups = 2});
        }).find("must divide into groups") != std::string::npos);
  CHECK(error_of([&] { conv2d(x.to(DType::Int32), w.to(DType::Int32), {}, {.groups = 2}); }) ==
        "[conv2d] not implemented by 'cpu' for int32; available: float32, float64; convert with to(dtype)");
  CHECK(error_of([&] {
          conv2d_grad_input(zeros({8, 8, 55, 56}), zeros({8, 64, 1, 1}), x.dims(), {});
        }) ==
        "[conv2d_grad_input] output gradient must be 8x8x56x56 (the output's sizes): output gradient 8x8x55x56 float32 "
        "contiguous cpu");
}

TEST_CASE("batch norm by hand: statistics, running averages, activation, residual", "[ops][norm]") {
  for (DType t : {DType::Float32, DType::Float64}) {
    const Tensor x = from_vector<double>({1, 3, 10, 10}, {1, 2, 1, 2}).to(t);
    const Tensor gamma = from_vector<double>({2, 1}, {2}).to(t), beta = from_vector<double>({0, 5}, {2}).to(t);
    const Tensor mean = zeros({2}, t), var = ones({2}, t);
    BatchNormParams p{.eps = 1e-12, .momentum = 0.1};
    const BatchNormResult r = batch_norm_train(x, gamma, beta, {}, mean, var, p);
    check_close(r.y, from_vector<double>({-2, 2, 5, 5}, {1, 2, 1, 2}));
    check_close(r.mean, from_vector<double>({2, 10}, {2}));
    CHECK(r.invstd.to_vector<double>()[0] == Approx(1));
    check_close(mean, from_vector<double>({0.2, 1}, {2}), 1e-6);
    check_close(var, from_vector<double>({1.1, 0.9}, {2}), 1e-6);  // unbiased variances 2 and 0
    CHECK(mean.version() == 2);
    p.activation = Activation::ReLU;
    check_close(batch_norm_train(x, gamma, beta, ones({1, 2, 1, 2}, t), {}, {}, p).y,
                from_vector<double>({0, 3, 6, 6}, {1, 2, 1, 2}));
    const Tensor m = from_vector<double>({1, 0}, {2}).to(t), v = from_vector<double>({4, 25}, {2}).to(t);
    const BatchNormResult e = batch_norm_eval(x, gamma, beta, {}, m, v, {.eps = 0});
    check_close(e.y, from_vector<double>({0, 2, 7, 7}, {1, 2, 1, 2}));
    check_close(e.invstd, from_vector<double>({0.5, 0.2}, {2}), 1e-6);
    CHECK(e.mean.to_vector<double>() == Doubles{1, 0});
    CHECK_FALSE(e.mean.shares_storage_with(m));
    const Tensor dy = from_vector<double>({1, 2, 3, 4}, {1, 2, 1, 2}).to(t);
    const BatchNormGradients g = batch_norm_backward(dy, x, e, gamma, false, {.dresidual = true}, {.eps = 0});
    check_close(g.dx, from_vector<double>({1, 2, 0.6, 0.8}, {1, 2, 1, 2}), 1e-6);
    check_close(g.dgamma, from_vector<double>({2, 14}, {2}));
    check_close(g.dbeta, from_vector<double>({3, 7}, {2}));
    check_close(g.dresidual, dy);
    const BatchNormGradients none =
        batch_norm_backward(dy, x, e, gamma, false, {false, false, true, false}, {.eps = 0});
    CHECK((!none.dx.defined() && !none.dgamma.defined() && none.dbeta.defined() && !none.dresidual.defined()));
  }
}

TEST_CASE("batch norm: either layout, same values; gradients with batch statistics sum to zero", "[ops][norm]") {
  Generator random(9);
  const Dims dims{3, 5, 4, 2};
  const Tensor x = rand_normal(dims, random), residual = rand_normal(dims, random), dy = rand_normal(dims, random);
  const Tensor xc = x.contiguous(Layout::ChannelsLast), rc = residual.contiguous(Layout::ChannelsLast);
  const Tensor gamma = full({5}, 1.5), beta = full({5}, 0.25);
  const BatchNormParams p{.activation = Activation::ReLU};
  const BatchNormResult a = batch_norm_train(x, gamma, beta, residual, {}, {}, p);
  const BatchNormResult b = batch_norm_train(xc, gamma, beta, rc, {}, {}, p);
  check_close(a.y, b.y);
  CHECK(a.y.is_channels_last());
  const BatchNormNeeds all{true, true, true, true};
  const BatchNormGradients g = batch_norm_backward(dy, x, a, gamma, true, all, p);
  const BatchNormGradients h = batch_norm_backward(dy.contiguous(Layout::ChannelsLast), xc, b, gamma, true, all, p);
  check_close(g.dx, h.dx);
  check_close(g.dresidual, h.dresidual);
  check_close(g.dgamma, h.dgamma);
  const Doubles dx = g.dx.to_vector<double>();
  for (int c = 0; c < 5; ++c) {
    double sum = 0;
    for (int n = 0; n < 3; ++n)
      for (int i = 0; i < 8; ++i) sum += dx[(n * 5 + c) * 8 + i];
    CHECK(std::abs(sum) < 1e-4);
  }
}

TEST_CASE("batch norm says what is wrong", "[ops][norm]") {
  const Tensor c = ones({3});
  CHECK(
      error_of([&] {
        batch_norm_train(zeros({1, 3, 1, 1}), c, c, {}, {}, {}, {});
      }) ==
      "[batch_norm_train] batch statistics need more than one value per channel: input 1x3x1x1 float32 contiguous cpu; "
      "use a larger batch or evaluation mode");
  CHECK(error_of([&] {
          batch_norm_eval(zeros({2, 4, 1, 1}), c, c, {}, c, c, {});
        }) == "[batch_norm_eval] gamma must be 4 (one per channel): gamma 3 float32 contiguous cpu");
  CHECK(error_of([&] {
          batch_norm_eval(zeros({2, 3, 1, 1}), c, c, {}, {}, c, {});
        }) == "[batch_norm_eval] running_mean is undefined");
}

TEST_CASE("batch norm with the convolution behind it says what is wrong", "[ops][norm]") {
  const Tensor c = ones({3}), x = zeros({2, 3, 1, 1}), moments = zeros({2, 3}, DType::Float64);
  const auto error = [&](const Tensor& with, const Tensor& w) {
    return error_of([&] { batch_norm_pointwise(x, with, c, c, {}, {}, w, {}); });
  };
  CHECK(error(moments, zeros({4, 2, 1, 1})) ==
        "[batch_norm_pointwise] weight must be 4x3x1x1 (one tap of the input's channels): weight 4x2x1x1 float32 "
        "contiguous cpu");
  CHECK_THAT(error(moments, zeros({4, 3, 3, 3})), Catch::Contains("must be 4x3x1x1"));
  CHECK_THAT(error(zeros({2, 3}), zeros({4, 3, 1, 1})), Catch::Contains("moments must be 2 x channels of float64"));
  CHECK_THAT(error_of([&] {
               batch_norm_pointwise_backward(zeros({2, 4, 2, 1}), x, {{}, c, c, {}}, c, c, zeros({4, 3, 1, 1}), {}, {});
             }),
             Catch::Contains("output gradient must be 2x4x1x1"));
  const BatchNormPointwiseResult none = batch_norm_pointwise(x, moments, c, c, {}, {}, zeros({0, 3, 1, 1}), {});
  CHECK(none.y.dims() == Dims{2, 0, 1, 1});
  CHECK(batch_norm_pointwise_backward(none.y, x, none, c, c, zeros({0, 3, 1, 1}), {}, {}).dw.dims() ==
        Dims{0, 3, 1, 1});
}

TEST_CASE("max pool pads with nothing and remembers where", "[ops][pool]") {
  for (DType t : {DType::Float32, DType::Float64}) {
    const Tensor x = affine(arange(16, t).reshape({1, 1, 4, 4}), -1, 0);  // all <= 0: zeros of a padding would win
    const MaxPoolResult r = max_pool2d(x, {}, true);
    CHECK(r.y.to_vector<double>() == Doubles{0, -1, -4, -5});
    CHECK(r.indices.to_vector<double>() == Doubles{0, 1, 4, 5});
    const Tensor dy = from_vector<double>({1, 2, 3, 4}, {1, 1, 2, 2}).to(t);
    Doubles wanted(16);
    wanted[0] = 1, wanted[1] = 2, wanted[4] = 3, wanted[5] = 4;
    CHECK(max_pool2d_backward(dy, r.indices, x.dims(), {}).to_vector<double>() == wanted);
    CHECK_FALSE(max_pool2d(x, {}, false).indices.defined());
  }
  const Tensor x = image({2, 3, 7, 5}, DType::Float32), xc = x.contiguous(Layout::ChannelsLast);
  const MaxPoolResult a = max_pool2d(x, {}, true), b = max_pool2d(xc, {}, true);
  CHECK(a.y.to_vector<double>() == b.y.to_vector<double>());
  CHECK(a.indices.to_vector<double>() == b.indices.to_vector<double>());
  const Tensor dy = image(a.y.dims(), DType::Float32);
  check_close(max_pool2d_backward(dy, a.indices.contiguous(), x.dims(), {}),
              max_pool2d_backward(dy.contiguous(Layout::ChannelsLast), b.indices, x.dims(), {}));
  CHECK(error_of([&] { max_pool2d(x, {.kernel_h = 1, .kernel_w = 1}, false); }) ==
        "[max_pool2d] padding must be smaller than the kernel: input 2x3x7x5, kernel 1x1, stride 2x2, padding 1,1,1,1");
}

TEST_CASE("global average pool", "[ops][pool]") {
  const Tensor x = arange(12, DType::Float32).reshape({1, 3, 2, 2});
  CHECK(global_avg_pool(x).to_vector<double>() == Doubles{1.5, 5.5, 9.5});
  CHECK(global_avg_pool(x.contiguous(Layout::ChannelsLast)).to_vector<double>() == Doubles{1.5, 5.5, 9.5});
  const Tensor dx = global_avg_pool_backward(from_vector<float>({4, 8, 12}, {1, 3}), x.dims(), DType::Float32);
  CHECK(dx.is_channels_last());
  CHECK(dx.to_vector<double>() == Doubles{1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3});
  CHECK(error_of([] { global_avg_pool(zeros({1, 3, 0, 2})); }).find("the mean of no pixels") != std::string::npos);
}
