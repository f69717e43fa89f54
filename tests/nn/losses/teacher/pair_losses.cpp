#include "tests/nn/losses/teacher/pair_losses.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <string>

#include "nn/losses/teacher/ranking.h"
#include "nn/losses/teacher/rkd.h"
#include "nn/losses/teacher/similarity.h"
#include "tensor/random.h"

namespace fledge::test {

Tensor random_normal(const Dims& dims, std::uint64_t seed, DType dtype) {
  Generator g(seed);
  return rand_normal(dims, g, 0, 1, dtype);
}

const std::vector<PairLoss>& pair_losses() {
  static const auto rank = [](RankForm form) {
    return [form](const Variable& f, const Tensor& g) { return darkrank(f, g, {form, 3, 3, 4}); };
  };
  static const std::vector<PairLoss> losses = {
      {"rkd_distance", rkd_distance, true, true},
      {"rkd_angle", rkd_angle, true, true},
      {"darkrank hard", rank(RankForm::Hard), false, false},
      {"darkrank soft", rank(RankForm::Soft), true, false},
      {"pkt", [](const Variable& f, const Tensor& g) { return pkt(f, g, true); }, true, false},
      {"pkt of pairs", [](const Variable& f, const Tensor& g) { return pkt(f, g, false); }, true, false},
      {"relaxed_contrastive", [](const Variable& f, const Tensor& g) { return relaxed_contrastive(f, g, 1, 1); }, false,
       true},
  };
  return losses;
}

bool is_pkt(const PairLoss& loss) { return std::string(loss.name).starts_with("pkt"); }

double trace(const PairLoss& loss) { return is_pkt(loss) ? 1e-7 : 1e-13; }

std::pair<double, double> value_and_gradient(const PairLoss& loss, const Tensor& f, const Tensor& g) {
  const Variable leaf(f.clone(), true);
  const LossOutput out = loss.of(leaf, g);
  for (const auto& number : out.numbers) CHECK(std::isfinite(number.second.value()));
  out.value.backward();
  return {out.value.item(), largest(leaf.grad())};
}

}  // namespace fledge::test
