// Reference batch normalisation (formula and shapes: kernels/api/norm.h). With m = N*H*W values per channel:
//   mean = sum x / m     var = sum (x-mean)^2 / m (two passes, in double)     invstd = 1/sqrt(var+eps)
//   dbeta = sum dz       dgamma = sum dz * xhat       xhat = (x-mean)*invstd
//   dx = gamma*invstd * (dz - dbeta/m - xhat*dgamma/m)    with batch statistics, else gamma*invstd*dz
#include <cmath>
#include <vector>

#include "kernels/ref/activation.h"
#include "kernels/ref/moments.h"
#include "kernels/ref/table.h"

namespace fledge::ref {
namespace {

double normalized(double x, double gamma, double beta, double mean, double invstd) {
  return gamma * ((x - mean) * invstd) + beta;
}

/// One channel of y = act(gamma * (x - mean) * invstd + beta + residual).
template <class T>
void normalize_channel(const TensorView& x, const TensorView* residual, const TensorView& y, int64_t c, double gamma,
                       double beta, double mean, double invstd, Activation activation) {
  for_each_pixel(x.dims, [&](int64_t n, int64_t h, int64_t w) {
    double v = normalized(at<T>(x, n, c, h, w), gamma, beta, mean, invstd);
    if (residual) v += at<T>(*residual, n, c, h, w);
    at<T>(y, n, c, h, w) = static_cast<T>(activate(activation, v));
  });
}

template <class T>
void update_running(const TensorView* running, int64_t c, double statistic, double momentum) {
  if (!running) return;
  T& r = at<T>(*running, c);
  r = static_cast<T>((1 - momentum) * r + momentum * statistic);
}

/// moments_of_channel(c, m): of the m numbers of a channel of x.
template <class T, class F>
void train(const TensorView& x, F moments_of_channel, const TensorView& gamma, const TensorView& beta,
           const TensorView* residual, const TensorView& y, const TensorView& mean, const TensorView& invstd,
           const TensorView* running_mean, const TensorView* running_var, const BatchNormParams& p) {
  const double m = static_cast<double>(x.dims[0] * x.dims[2] * x.dims[3]);
  for (int64_t c = 0; c < x.dims[1]; ++c) {
    const auto [mu, squares] = moments_of_channel(c, m);
    const double inv = 1 / std::sqrt(squares / m + p.eps);
    at<T>(mean, c) = static_cast<T>(mu);
    at<T>(invstd, c) = static_cast<T>(inv);
    update_running<T>(running_mean, c, mu, p.momentum);
    // A single value has no unbiased variance; its squares are 0, and 0 is what it adds.
    update_running<T>(running_var, c, m > 1 ? squares / (m - 1) : 0, p.momentum);
    normalize_channel<T>(x, residual, y, c, at<T>(gamma, c), at<T>(beta, c), mu, inv, p.activation);
  }
}

template <class T>
void batch_norm_train(ExecContext&, const TensorView& x, const TensorView& gamma, const TensorView& beta,
                      const TensorView* residual, const TensorView& y, const TensorView& mean, const TensorView& invstd,
                      const TensorView* running_mean, const TensorView* running_var, const BatchNormParams& p) {
  const auto moments = [&](int64_t c, double m) { return moments_of<T>(x, c, m); };
  train<T>(x, moments, gamma, beta, residual, y, mean, invstd, running_mean, running_var, p);
}

template <class T>
void batch_norm_from_moments(ExecContext&, const TensorView& x, const TensorView& moments, const TensorView& gamma,
                             const TensorView& beta, const TensorView* residual, const TensorView& y,
                             const TensorView& mean, const TensorView& invstd, const TensorView* running_mean,
                             const TensorView* running_var, const BatchNormParams& p) {
  const auto given = [&](int64_t c, double) { return Moments{at<double>(moments, 0, c), at<double>(moments, 1, c)}; };
  train<T>(x, given, gamma, beta, residual, y, mean, invstd, running_mean, running_var, p);
}

template <class T>
void batch_norm_eval(ExecContext&, const TensorView& x, const TensorView& gamma, const TensorView& beta,
                     const TensorView& mean, const TensorView& var, const TensorView* residual, const TensorView& y,
                     const BatchNormParams& p) {
  for (int64_t c = 0; c < x.dims[1]; ++c)
    normalize_channel<T>(x, residual, y, c, at<T>(gamma, c), at<T>(beta, c), at<T>(mean, c),
                         1 / std::sqrt(at<T>(var, c) + p.eps), p.activation);
}

template <class T>
void batch_norm_backward(ExecContext&, const BatchNormBackwardArgs& in, const BatchNormGrads& out,
                         bool batch_statistics, const BatchNormParams& p) {
  const double m = static_cast<double>(in.x.dims[0] * in.x.dims[2] * in.x.dims[3]);
  for (int64_t c = 0; c < in.x.dims[1]; ++c) {
    const double mean = at<T>(in.mean, c), invstd = at<T>(in.invstd, c), gamma = at<T>(in.gamma, c);
    // What forward computed with before it rounded: another mask would be that of another function.
    const Moments exact = in.beta ? moments_of<T>(in.x, c, m) : Moments{};
    const double exact_invstd = 1 / std::sqrt(exact.squares / m + p.eps);
    const auto y = [&](int64_t n, int64_t h, int64_t w) -> T {
      if (!in.beta) return at<T>(in.y, n, c, h, w);
      const double v = normalized(at<T>(in.x, n, c, h, w), gamma, at<T>(*in.beta, c), exact.mean, exact_invstd);
      return static_cast<T>(activate(p.activation, v));
    };
    const auto dz = [&](int64_t n, int64_t h, int64_t w) -> double {
      const bool pass = p.activation == Activation::None || passes_gradient(p.activation, y(n, h, w));
      return pass ? at<T>(in.dy, n, c, h, w) : T(0);
    };
    double dbeta = 0, dgamma = 0;
    for_each_pixel(in.x.dims, [&](int64_t n, int64_t h, int64_t w) {
      const double g = dz(n, h, w);
      dbeta += g;
      dgamma += g * ((at<T>(in.x, n, c, h, w) - mean) * invstd);
    });
    if (out.dgamma) at<T>(*out.dgamma, c) = static_cast<T>(dgamma);
    if (out.dbeta) at<T>(*out.dbeta, c) = static_cast<T>(dbeta);
    if (!out.dx && !out.dresidual) continue;
    for_each_pixel(in.x.dims, [&](int64_t n, int64_t h, int64_t w) {
      const double g = dz(n, h, w), xhat = (at<T>(in.x, n, c, h, w) - mean) * invstd;
      const double centered = batch_statistics ? g - dbeta / m - xhat * dgamma / m : g;
      if (out.dresidual) at<T>(*out.dresidual, n, c, h, w) = static_cast<T>(g);  // over dy, perhaps, which is read
      if (out.dx) at<T>(*out.dx, n, c, h, w) = static_cast<T>(gamma * invstd * centered);
    });
  }
}

/// z in memory of its own, for whoever reads it.
template <class T>
struct Between {
  std::vector<T> numbers;
  TensorView view;

  explicit Between(const TensorView& x) : numbers(static_cast<std::size_t>(x.numel())), view(x) {
    view.data = numbers.data();
    view.strides = {x.dims[1] * x.dims[2] * x.dims[3], x.dims[2] * x.dims[3], x.dims[3], 1};
    view.holder = nullptr;
  }
};

template <class T>
void batch_norm_pointwise(ExecContext& ctx, const TensorView& x, const TensorView& moments, const TensorView& gamma,
                          const TensorView& beta, const TensorView& mean, const TensorView& invstd,
                          const TensorView* running_mean, const TensorView* running_var, const TensorView& w,
                          const TensorView& y, const TensorView& y_moments, const BatchNormParams& p) {
  const Between<T> z(x);
  batch_norm_from_moments<T>(ctx, x, moments, gamma, beta, nullptr, z.view, mean, invstd, running_mean, running_var, p);
  conv_kernels<T>().forward_moments(ctx, z.view, w, nullptr, y, y_moments, {});
}

template <class T>
void batch_norm_pointwise_backward(ExecContext& ctx, const BatchNormPointwiseArgs& in,
                                   const BatchNormPointwiseGrads& out, const BatchNormParams& p) {
  const Between<T> z(in.x), dz(in.x);
  const double m = static_cast<double>(in.x.dims[0] * in.x.dims[2] * in.x.dims[3]);
  for (int64_t c = 0; c < in.x.dims[1]; ++c) {
    const auto [mu, squares] = moments_of<T>(in.x, c, m);  // before they are rounded, as ref's convolution gives them
    normalize_channel<T>(in.x, nullptr, z.view, c, at<T>(in.gamma, c), at<T>(in.beta, c), mu,
                         1 / std::sqrt(squares / m + p.eps), p.activation);
  }
  if (out.dw) conv_kernels<T>().grad_weight(ctx, in.dy, z.view, *out.dw, {});
  if (!out.dx && !out.dgamma && !out.dbeta) return;
  conv_kernels<T>().grad_input(ctx, in.dy, in.w, dz.view, {});
  batch_norm_backward<T>(ctx, {dz.view, in.x, z.view, in.gamma, in.mean, in.invstd}, {out.dx, out.dgamma, out.dbeta},
                         true, p);
}

}  // namespace

template <class T>
NormKernels norm_kernels() {
  return {.batch_norm_train = &batch_norm_train<T>,
          .batch_norm_from_moments = &batch_norm_from_moments<T>,
          .batch_norm_eval = &batch_norm_eval<T>,
          .batch_norm_backward = &batch_norm_backward<T>,
          .batch_norm_pointwise = &batch_norm_pointwise<T>,
          .batch_norm_pointwise_backward = &batch_norm_pointwise_backward<T>};
}

template NormKernels norm_kernels<float>();
template NormKernels norm_kernels<double>();

}  // namespace fledge::ref
