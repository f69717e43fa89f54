#include "nn/losses/pairs/masked_sums.h"

#include "autograd/ops/eltwise.h"
#include "autograd/ops/reduce.h"
#include "tensor/ops/eltwise.h"

namespace fledge {

Variable factor_of(const Tensor& mask, DType dtype) { return Variable(factors(mask, dtype)); }

Variable masked_log_sum_exp(const Variable& x, const Tensor& mask) {
  const Variable factor = factor_of(mask, x.value().dtype());
  // Marked: x * 1 + 0, exactly. Others: so low that their exponential is 0, yet finite.
  return log_sum_exp(x * factor + 1e30 * (factor - 1.0));
}

namespace {

LoggedNumber masked_mean(const Tensor& x, const Tensor& mask) {
  if (!on_host(x)) return ratio(total_of(mul(x, factors(mask, x.dtype()))), count_of(mask));
  const std::vector<double> values = x.to_vector<double>();
  const std::uint8_t* marks = mask.data<std::uint8_t>();
  double total = 0, count = 0;
  for (std::size_t i = 0; i < values.size(); ++i)
    if (marks[i]) total += values[i], count += 1;
  return ratio(total, count);
}

}  // namespace

LossNumbers pair_numbers(const LoggedNumber& active, const Tensor& distances, const PairBatch& batch) {
  return {{"active", active},
          {"mean_positive", masked_mean(distances, batch.positive)},
          {"mean_negative", masked_mean(distances, batch.negative)}};
}

}  // namespace fledge
