#include "nn/losses/classes/proxies.h"

#include "autograd/ops/ops.h"
#include "nn/losses/classes/class_proxies.h"
#include "nn/losses/classes/classification.h"
#include "nn/losses/counts.h"
#include "tensor/creation.h"
#include "tensor/ops/reduce.h"

namespace fledge {
namespace {

// Added to what a sum of exponentials leaves out: far below any logit, so its exponential is exactly 0.
constexpr double kLeftOut = -1e30;

void check_positive(const char* op, const char* what, double value) {
  if (!(value > 0))
    throw Error(ErrorKind::Usage, op, std::string(what) + " is " + std::to_string(value), "it must be above 0");
}

/// log(1 + sum_j e^{x_ij}): R,C -> R
Variable log_one_plus_sum_exp(const Variable& x) {
  return log_sum_exp(concat({x, Variable(zeros_like(x.value().slice(1, 0, 1)))}, 1));
}

Tensor classes_in(const Tensor& labels, std::int64_t classes, DType dtype) {
  return total_of(not_none(sum(label_matrix(labels, classes, 1, 0, dtype), {0})));
}

}  // namespace

LossOutput proxy_nca(const Variable& f, const Variable& proxies, const Tensor& labels, double scale, bool exclude_own) {
  const std::int64_t classes = check_proxies("proxy_nca", f, proxies, labels);
  check_positive("proxy_nca", "scale", scale);
  const Variable cosine = cosines(f, proxies);
  // -scale d^2 = 2 scale s - 2 scale, and the constant drops out of the quotient.
  const Variable logits = 2 * scale * cosine;
  const auto numbers = class_numbers(f, cosine.value(), labels);
  if (!exclude_own) return {cross_entropy(logits, labels), numbers};
  const Variable own_left_out(label_matrix(labels, classes, kLeftOut, 0, logits.value().dtype()));
  return {mean(log_sum_exp(logits + own_left_out) - take_along_row(logits, labels)), numbers};
}

LossOutput proxy_anchor(const Variable& f, const Variable& proxies, const Tensor& labels, double alpha, double margin) {
  const std::int64_t classes = check_proxies("proxy_anchor", f, proxies, labels);
  check_positive("proxy_anchor", "alpha", alpha);
  const Variable s = cosines(proxies, f);  // classes,N: a row for each proxy
  const DType dtype = s.value().dtype();
  const Variable others_out(label_matrix(labels, classes, 0, kLeftOut, dtype).transpose(0, 1).contiguous());
  const Variable own_out(label_matrix(labels, classes, kLeftOut, 0, dtype).transpose(0, 1).contiguous());
  // A proxy without pictures on one side has log(1 + 0) = 0 there: the sums need no selection.
  const Variable pull = sum(log_one_plus_sum_exp(affine(s, -alpha, alpha * margin) + others_out));
  const Variable push = sum(log_one_plus_sum_exp(affine(s, alpha, alpha * margin) + own_out));
  return {over(pull, classes_in(labels, classes, dtype)) + (1 / static_cast<double>(classes)) * push,
          class_numbers(f, s.value().transpose(0, 1), labels)};
}

namespace {

std::shared_ptr<Loss> make_proxy_nca(const OptionReader& read, const LossSetup& setup) {
  const double scale = read.number("nca-scale", kMinScale);
  const bool exclude_own = read.flag("nca-exclude-own");
  return std::make_shared<ProxyLoss>(read.loss(), setup,
                                     [=](const Variable& f, const Variable& proxies, const Tensor& labels) {
                                       return proxy_nca(f, proxies, labels, scale, exclude_own);
                                     });
}

std::shared_ptr<Loss> make_proxy_anchor(const OptionReader& read, const LossSetup& setup) {
  const double alpha = read.number("anchor-alpha", kMinScale);
  const double margin = read.number("anchor-margin", 0, 2);
  return std::make_shared<ProxyLoss>(read.loss(), setup,
                                     [=](const Variable& f, const Variable& proxies, const Tensor& labels) {
                                       return proxy_anchor(f, proxies, labels, alpha, margin);
                                     });
}

}  // namespace

LossEntry proxy_nca_entry() {
  return {"proxy-nca",
          LossKind::Metric,
          "each picture near its class's learnt proxy and far from the others (Movshovitz-Attias et al. 2017)",
          {{"nca-scale", "1"}, {"nca-exclude-own", "off"}},
          make_proxy_nca};
}

LossEntry proxy_anchor_entry() {
  return {"proxy-anchor",
          LossKind::Metric,
          "each class's learnt proxy against the whole batch (Kim et al. 2020); wants --proxy-lr-scale 100",
          {{"anchor-alpha", "32"}, {"anchor-margin", "0.1"}},
          make_proxy_anchor};
}

}  // namespace fledge
