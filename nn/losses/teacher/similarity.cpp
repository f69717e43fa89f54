#include "nn/losses/teacher/similarity.h"

#include "autograd/ops/ops.h"
#include "nn/losses/counts.h"
#include "nn/losses/function_loss.h"
#include "nn/losses/teacher/rows.h"
#include "tensor/ops/distance.h"
#include "tensor/ops/eltwise.h"
#include "tensor/ops/gemm.h"
#include "tensor/ops/reduce.h"

namespace fledge {
namespace {

constexpr double kEps = 1e-7;     // PKT's
constexpr double kNoRow = 1e-12;  // sums of a row below it: no neighbour has any similarity

/// Rows so long that their squares would be infinite are made shorter first; others are divided by 1, and so is eps.
Variable cosines(const Variable& x) {
  constexpr double kLong = 1e15;
  const Variable shorter(clamp(affine(max(abs(x.value()), {1}, true), 1 / kLong, 0), 1, 1e30));
  const Variable short_x = x / shorter;
  const Variable length = sqrt(sum(square(short_x), {1}, true));  // sqrt has gradient 0 at 0
  const Variable unit = short_x / (length + Variable(div(affine(shorter.value(), 0, kEps), shorter.value())));
  return matmul(unit, unit, false, true);
}

Variable row_shares(const Variable& weights) {
  const double most = 2 * static_cast<double>(weights.dim(1));
  return weights / clamp(sum(weights, {1}, true), kNoRow, most);
}

/// Sum of |a - b| off the diagonal over n(n-1).
Tensor pair_error(const Tensor& a, const Tensor& b) {
  const double n = static_cast<double>(a.dim(0));
  const Tensor error = mul(abs(sub(a, b)), off_diagonal(a.dim(0), a).value());
  return total_of(error, n * (n - 1));
}

Variable over_row_mean(const Variable& d) { return d / mean(d, {1}, true); }

}  // namespace

LossOutput pkt(const Variable& f, const Tensor& g, bool diagonal) {
  check_teacher_pairs("pkt", f.value(), g);
  const double n = static_cast<double>(f.dim(0));
  const Variable cs = cosines(f), ct = cosines(Variable(g.to(f.value().dtype())));
  Variable ks = affine(cs, 0.5, 0.5), kt = affine(ct, 0.5, 0.5);
  if (!diagonal) {
    const Variable mask = off_diagonal(f.dim(0), f.value());
    ks = ks * mask;
    kt = kt * mask;
  }
  const Variable ps = row_shares(ks), pt = row_shares(kt);
  const Variable divergence = sum(pt * (log(pt + kEps) - log(ps + kEps)));
  return {affine(divergence, 1 / (n * (diagonal ? n : n - 1)), 0),
          {{"similarity_error", pair_error(cs.value(), ct.value())}}};
}

LossOutput relaxed_contrastive(const Variable& f, const Tensor& g, double sigma, double delta) {
  check_teacher_pairs("relaxed_contrastive", f.value(), g);
  const Tensor teacher = l2_normalize(g.to(f.value().dtype())).y;
  const Variable dt(pairwise_distance(teacher, teacher));
  const Variable d = over_row_mean(pairwise_distance(f, f)), w = exp(affine(square(dt), -1 / sigma, 0));
  const Variable pull = w * square(d), push = affine(w, -1, 1) * square(relu(affine(d, -1, delta)));
  const Variable total = sum((pull + push) * off_diagonal(f.dim(0), f.value()));
  return {affine(total, 1 / static_cast<double>(f.dim(0)), 0),
          {{"distance_error", pair_error(d.value(), over_row_mean(dt).value())}}};
}

LossEntry pkt_entry() {
  return {"pkt",
          LossKind::Teacher,
          "student's cosines to its neighbours, as probabilities, near the teacher's (Passalis and Tefas 2018)",
          {{"pkt-diagonal", "on"}},
          [](const OptionReader& read, const LossSetup&) {
            const bool diagonal = read.flag("pkt-diagonal");
            return loss_of_teacher(read.loss(),
                                   [=](const Variable& f, const Tensor& g) { return pkt(f, g, diagonal); });
          }};
}

LossEntry relaxed_contrastive_entry() {
  return {"relaxed-contrastive",
          LossKind::Teacher,
          "pairs pulled or pushed as far as they are alike for the teacher (Kim et al. 2021)",
          {{"rc-sigma", "1"}, {"rc-delta", "1"}},
          [](const OptionReader& read, const LossSetup&) {
            const double sigma = read.number("rc-sigma", 1e-6), delta = read.number("rc-delta", 0);
            return loss_of_teacher(read.loss(), [=](const Variable& f, const Tensor& g) {
              return relaxed_contrastive(f, g, sigma, delta);
            });
          }};
}

}  // namespace fledge
