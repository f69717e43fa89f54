#include "nn/losses/pairs/masked_sums.h"

#include "autograd/ops/eltwise.h"
#include "autograd/ops/reduce.h"

namespace fledge {

Variable factor_of(const Tensor& mask, DType dtype) { return Variable(mask.to(dtype)); }

double count_of(const Tensor& mask) {
  const Tensor dense = mask.contiguous();
  const std::uint8_t* marks = dense.data<std::uint8_t>();
  double count = 0;
  for (std::int64_t i = 0; i < dense.numel(); ++i) count += marks[i];
  return count;
}

double ratio(double a, double b) { return b > 0 ? a / b : 0; }

Variable masked_log_sum_exp(const Variable& x, const Tensor& mask) {
  const Variable factor = factor_of(mask, x.value().dtype());
  // Marked: x * 1 + 0, exactly. Others: so low that their exponential is 0, yet finite.
  return log_sum_exp(x * factor + 1e30 * (factor - 1.0));
}

LossNumbers pair_numbers(double active, const Tensor& distances, const PairBatch& batch) {
  const std::vector<double> d = distances.to_vector<double>();
  const auto mean = [&d](const Tensor& mask) {
    const std::uint8_t* marks = mask.data<std::uint8_t>();
    double total = 0, count = 0;
    for (std::size_t i = 0; i < d.size(); ++i)
      if (marks[i]) total += d[i], count += 1;
    return ratio(total, count);
  };
  return {{"active", active}, {"mean_positive", mean(batch.positive)}, {"mean_negative", mean(batch.negative)}};
}

}  // namespace fledge
