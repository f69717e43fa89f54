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
  if (moments.defined() && (moments.dims() != Dims{2, x.dim(1)} || moments.dtype() != DType::Float64))
    check::fail(op, "moments must be 2 x channels of float64: " + describe(moments));
  if (running_mean.defined() != running_var.defined()) check::fail(op, "give both running statistics or neither");
  const bool running = running_mean.defined();
  if (running) {
    check_statistic(op, x, running_mean, "running_mean");
    check_statistic(op, x, running_var, "running_var");
  }
  if (x.dim(0) * x.dim(2) * x.dim(3) < 2) {
    check::fail(op, "batch statistics need more than one value per channel: input " + describe(x),
                "use a larger batch or evaluation mode");
  }
  const auto train = kernel<&KernelTable::norm, &NormKernels::batch_norm_train>(op, x);
  BatchNormResult result{image_like(x), per_channel(x), per_channel(x)};
  if (x.numel() == 0) return result;
  const ChannelsLastArg input(op, "input", x);
  const ContiguousArg g(op, "gamma", gamma), b(op, "beta", beta);
  std::optional<ChannelsLastArg> r;
  if (residual.defined()) r.emplace(op, "residual", residual);
  TensorView mean_view, var_view;
  if (running) mean_view = running_mean.view(), var_view = running_var.view();
  const TensorView* const added = r ? &r->view() : nullptr;
  TensorView *const to_mean = running ? &mean_view : nullptr, *const to_var = running ? &var_view : nullptr;
  const TensorView y = result.y.view(), m = result.mean.view(), s = result.invstd.view();
  if (moments.defined())
    kernel<&KernelTable::norm, &NormKernels::batch_norm_from_moments>(op, x)(context(), input, moments.view(), g, b,
                                                                             added, y, m, s, to_mean, to_var, params);
  else
    train(context(), input, g, b, added, y, m, s, to_mean, to_var, params);
  if (running) running_mean.bump_version(), running_var.bump_version();
  return result;
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
