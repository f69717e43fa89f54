#include "tensor/ops/norm.h"

#include <cmath>
#include <optional>

#include "tensor/ops/call/check.h"
#include "tensor/ops/call/dispatch.h"
#include "tensor/ops/call/layout.h"
#include "tensor/ops/eltwise.h"

namespace fledge {

namespace {

constexpr const char* kPerChannel = "one per channel";
constexpr const char* kOneTap = "one tap of the input's channels";

void check_input(const char* op, const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& residual) {
  check::rank(op, {x, "input"}, 4);
  check::fits_accumulated(op, {x, "input"}, {gamma, "gamma"}, {x.dim(1)}, kPerChannel);
  check::fits_accumulated(op, {x, "input"}, {beta, "beta"}, {x.dim(1)}, kPerChannel);
  if (residual.defined()) check::fits(op, {x, "input"}, {residual, "residual"}, x.dims(), "the input's sizes");
}

// Running statistics are written in place, so a copy in another layout would lose the update.
void check_statistic(const char* op, const Tensor& x, const Tensor& t, const char* name) {
  check::fits_accumulated(op, {x, "input"}, {t, name}, {x.dim(1)}, kPerChannel);
  if (!t.is_contiguous()) check::fail(op, std::string(name) + " must be contiguous: " + describe(t));
}

void check_moments(const char* op, const Tensor& x, const Tensor& moments) {
  if (moments.dims() != Dims{2, x.dim(1)} || moments.dtype() != DType::Float64)
    check::fail(op, "moments must be 2 x channels of float64: " + describe(moments));
}

/// Views of running statistics, null where there are none.
struct Running {
  TensorView mean_view, var_view;
  bool kept;

  Running(const char* op, const Tensor& x, const Tensor& mean, const Tensor& var) : kept(mean.defined()) {
    if (kept != var.defined()) check::fail(op, "give both running statistics or neither");
    if (!kept) return;
    check_statistic(op, x, mean, "running_mean");
    check_statistic(op, x, var, "running_var");
    mean_view = mean.view(), var_view = var.view();
  }
  const TensorView* mean() const { return kept ? &mean_view : nullptr; }
  const TensorView* var() const { return kept ? &var_view : nullptr; }
};

void check_batch(const char* op, const Tensor& x) {
  if (x.dim(0) * x.dim(2) * x.dim(3) < 2) {
    check::fail(op, "batch statistics need more than one value per channel: input " + describe(x),
                "use a larger batch or evaluation mode");
  }
}

Tensor per_channel(const Tensor& x) {
  return Tensor::empty({x.dim(1)}, accumulated(x.dtype()), Layout::Contiguous, x.device());
}
Tensor image_like(const Tensor& x) { return Tensor::empty(x.dims(), x.dtype(), Layout::ChannelsLast, x.device()); }
/// Where a gradient goes: into `place`, or where there is none into new memory.
Tensor gradient_in(const Tensor& place, const Tensor& x) {
  if (!place.defined()) return image_like(x);
  place.bump_version();
  return place;
}

template <class T>
void inverse_std(const Tensor& var, const Tensor& invstd, double eps) {
  const T* v = var.data<T>();
  T* y = invstd.data<T>();
  for (std::int64_t i = 0, n = var.numel(); i < n; ++i) y[i] = T(1) / std::sqrt(v[i] + static_cast<T>(eps));
}

// 1 / sqrt(var + eps). A few hundred numbers: on the CPU one plain loop costs less than three kernel calls.
Tensor inverse_std(const Tensor& var, double eps) {
  if (var.device().type != Device::Type::CPU) {
    Tensor one = Tensor::empty_like(var);
    one.fill(1);
    return div(one, sqrt(affine(var, 1, eps)));
  }
  Tensor invstd = Tensor::empty_like(var);
  if (var.dtype() == DType::Float64)
    inverse_std<double>(var, invstd, eps);
  else
    inverse_std<float>(var, invstd, eps);
  return invstd;
}

}  // namespace

BatchNormResult batch_norm_train(const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& residual,
                                 const Tensor& running_mean, const Tensor& running_var, const BatchNormParams& params,
                                 const Tensor& moments) {
  constexpr const char* op = "batch_norm_train";
  check_input(op, x, gamma, beta, residual);
  if (moments.defined()) check_moments(op, x, moments);
  const Running running(op, x, running_mean, running_var);
  check_batch(op, x);
  const auto train = kernel<&KernelTable::norm, &NormKernels::batch_norm_train>(op, x);
  BatchNormResult result{image_like(x), per_channel(x), per_channel(x)};
  if (x.numel() == 0) return result;
  const ChannelsLastArg input(op, "input", x);
  const ContiguousArg g(op, "gamma", gamma), b(op, "beta", beta);
  std::optional<ChannelsLastArg> r;
  if (residual.defined()) r.emplace(op, "residual", residual);
  const TensorView* const added = r ? &r->view() : nullptr;
  const TensorView y = result.y.view(), m = result.mean.view(), s = result.invstd.view();
  if (moments.defined())
    kernel<&KernelTable::norm, &NormKernels::batch_norm_from_moments>(op, x)(
        context(), input, moments.view(), g, b, added, y, m, s, running.mean(), running.var(), params);
  else
    train(context(), input, g, b, added, y, m, s, running.mean(), running.var(), params);
  if (running.kept) running_mean.bump_version(), running_var.bump_version();
  return result;
}

bool has_batch_norm_pointwise(const Tensor& x) {
  return has_kernel<&KernelTable::norm, &NormKernels::batch_norm_pointwise>(x);
}

BatchNormPointwiseResult batch_norm_pointwise(const Tensor& x, const Tensor& moments, const Tensor& gamma,
                                              const Tensor& beta, const Tensor& running_mean, const Tensor& running_var,
                                              const Tensor& w, const BatchNormParams& params) {
  constexpr const char* op = "batch_norm_pointwise";
  check_input(op, x, gamma, beta, {});
  check_moments(op, x, moments);
  check::rank(op, {w, "weight"}, 4);
  check::fits(op, {x, "input"}, {w, "weight"}, {w.dim(0), x.dim(1), 1, 1}, kOneTap);
  const Running running(op, x, running_mean, running_var);
  check_batch(op, x);
  const auto forward = kernel<&KernelTable::norm, &NormKernels::batch_norm_pointwise>(op, x);
  BatchNormPointwiseResult result{
      Tensor::empty({x.dim(0), w.dim(0), x.dim(2), x.dim(3)}, x.dtype(), Layout::ChannelsLast, x.device()),
      per_channel(x), per_channel(x), Tensor::empty({2, w.dim(0)}, DType::Float64, Layout::Contiguous, x.device())};
  if (x.numel() == 0 || w.numel() == 0) return result;
  const ChannelsLastArg input(op, "input", x), weight(op, "weight", w);
  const ContiguousArg g(op, "gamma", gamma), b(op, "beta", beta);
  forward(context(), input, moments.view(), g, b, result.mean.view(), result.invstd.view(), running.mean(),
          running.var(), weight, result.y.view(), result.moments.view(), params);
  if (running.kept) running_mean.bump_version(), running_var.bump_version();
  return result;
}

BatchNormPointwiseGradients batch_norm_pointwise_backward(const Tensor& dy, const Tensor& x,
                                                          const BatchNormPointwiseResult& forward, const Tensor& gamma,
                                                          const Tensor& beta, const Tensor& w,
                                                          const BatchNormPointwiseNeeds& needs,
                                                          const BatchNormParams& params) {
  constexpr const char* op = "batch_norm_pointwise_backward";
  check_input(op, x, gamma, beta, {});
  check::rank(op, {w, "weight"}, 4);
  check::fits(op, {x, "input"}, {w, "weight"}, {w.dim(0), x.dim(1), 1, 1}, kOneTap);
  check::fits(op, {x, "input"}, {dy, "output gradient"}, {x.dim(0), w.dim(0), x.dim(2), x.dim(3)},
              "the weight's outputs at the input's pixels");
  check::fits_accumulated(op, {x, "input"}, {forward.mean, "mean"}, {x.dim(1)}, kPerChannel);
  check::fits_accumulated(op, {x, "input"}, {forward.invstd, "invstd"}, {x.dim(1)}, kPerChannel);
  const auto backward = kernel<&KernelTable::norm, &NormKernels::batch_norm_pointwise_backward>(op, x);
  BatchNormPointwiseGradients grads;
  TensorView dx, dgamma, dbeta, dw;
  if (needs.dx) dx = (grads.dx = image_like(x)).view();
  if (needs.dgamma) dgamma = (grads.dgamma = per_channel(x)).view();
  if (needs.dbeta) dbeta = (grads.dbeta = per_channel(x)).view();
  if (needs.dw)
    dw = (grads.dw = Tensor::empty(w.dims(), accumulated(x.dtype()), Layout::ChannelsLast, x.device())).view();
  if (dy.numel() == 0 || x.numel() == 0) {
    for (const Tensor* t : {&grads.dx, &grads.dgamma, &grads.dbeta, &grads.dw})
      if (t->defined()) t->fill(0);
    return grads;
  }
  const ChannelsLastArg gradient(op, "output gradient", dy), input(op, "input", x), weight(op, "weight", w);
  const ContiguousArg g(op, "gamma", gamma), b(op, "beta", beta), mean(op, "mean", forward.mean),
      invstd(op, "invstd", forward.invstd);
  backward(context(), {gradient, input, g, b, mean, invstd, weight},
           {.dx = needs.dx ? &dx : nullptr,
            .dgamma = needs.dgamma ? &dgamma : nullptr,
            .dbeta = needs.dbeta ? &dbeta : nullptr,
            .dw = needs.dw ? &dw : nullptr},
           params);
  return grads;
}

BatchNormResult batch_norm_eval(const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& residual,
                                const Tensor& running_mean, const Tensor& running_var, const BatchNormParams& params) {
  constexpr const char* op = "batch_norm_eval";
  check_input(op, x, gamma, beta, residual);
  check_statistic(op, x, running_mean, "running_mean");
  check_statistic(op, x, running_var, "running_var");
  const auto eval = kernel<&KernelTable::norm, &NormKernels::batch_norm_eval>(op, x);
  // A copy of the mean: a later training step would change the running one before backward reads it.
  BatchNormResult result{image_like(x), running_mean.clone(), inverse_std(running_var, params.eps)};
  if (x.numel() == 0) return result;
  const ChannelsLastArg input(op, "input", x);
  const ContiguousArg g(op, "gamma", gamma), b(op, "beta", beta);
  std::optional<ChannelsLastArg> r;
  if (residual.defined()) r.emplace(op, "residual", residual);
  eval(context(), input, g, b, running_mean.view(), running_var.view(), r ? &r->view() : nullptr, result.y.view(),
       params);
  return result;
}

BatchNormGradients batch_norm_backward(const Tensor& dy, const Tensor& x, const BatchNormResult& forward,
                                       const Tensor& gamma, bool batch_statistics, const BatchNormNeeds& needs,
                                       const BatchNormParams& params, const BatchNormReuse& reuse) {
  constexpr const char* op = "batch_norm_backward";
  const bool finds_y = reuse.beta.defined(), reads_y = params.activation != Activation::None && !finds_y;
  check::rank(op, {x, "input"}, 4);
  check::fits(op, {x, "input"}, {dy, "output gradient"}, x.dims(), "the input's sizes");
  check::fits_accumulated(op, {x, "input"}, {gamma, "gamma"}, {x.dim(1)}, kPerChannel);
  check::fits_accumulated(op, {x, "input"}, {forward.mean, "mean"}, {x.dim(1)}, kPerChannel);
  check::fits_accumulated(op, {x, "input"}, {forward.invstd, "invstd"}, {x.dim(1)}, kPerChannel);
  if (reads_y) check::fits(op, {x, "input"}, {forward.y, "output"}, x.dims(), "the input's sizes");
  if (finds_y) {
    check::fits_accumulated(op, {x, "input"}, {reuse.beta, "beta"}, {x.dim(1)}, kPerChannel);
    if (!batch_statistics || needs.dresidual) check::fail(op, "the output is found anew from batch statistics alone");
  }
  for (const Tensor* place : {&reuse.dx, &reuse.dresidual})
    if (place->defined()) {
      check::fits(op, {x, "input"}, {*place, "memory of a gradient"}, x.dims(), "the input's sizes");
      if (!place->is_channels_last() || x.device() != Device{})
        check::fail(op, "memory of a gradient must be channels-last and on the CPU: " + describe(*place));
    }
  const auto backward = kernel<&KernelTable::norm, &NormKernels::batch_norm_backward>(op, x);

  BatchNormGradients grads;
  TensorView dx, dgamma, dbeta, dresidual;
  if (needs.dx) dx = (grads.dx = gradient_in(reuse.dx, x)).view();
  if (needs.dgamma) dgamma = (grads.dgamma = per_channel(x)).view();
  if (needs.dbeta) dbeta = (grads.dbeta = per_channel(x)).view();
  if (needs.dresidual) dresidual = (grads.dresidual = gradient_in(reuse.dresidual, x)).view();
  if (x.numel() == 0) {
    if (needs.dgamma) grads.dgamma.fill(0);
    if (needs.dbeta) grads.dbeta.fill(0);
    return grads;
  }
  const ChannelsLastArg gradient(op, "output gradient", dy), input(op, "input", x),
      y(op, "output", reads_y ? forward.y : x);
  const ContiguousArg g(op, "gamma", gamma), mean(op, "mean", forward.mean), invstd(op, "invstd", forward.invstd);
  std::optional<ContiguousArg> beta;
  if (finds_y) beta.emplace(op, "beta", reuse.beta);
  backward(context(), {gradient, input, y, g, mean, invstd, beta ? &beta->view() : nullptr},
           {.dx = needs.dx ? &dx : nullptr,
            .dgamma = needs.dgamma ? &dgamma : nullptr,
            .dbeta = needs.dbeta ? &dbeta : nullptr,
            .dresidual = needs.dresidual ? &dresidual : nullptr},
           batch_statistics, params);
  return grads;
}

}  // namespace fledge
