#include "nn/losses/pairs/contrastive.h"

#include "autograd/ops/eltwise.h"
#include "autograd/ops/reduce.h"
#include "nn/losses/pairs/masked_sums.h"
#include "tensor/creation.h"
#include "tensor/ops/eltwise.h"

namespace fledge {
namespace {

// Distances are clamped to 1e-6 (kernels/api/distance.h): two pictures at one
// point are that far apart, without gradient.
constexpr double kSamePoint = 1.001e-6;

/// Of the marked elements those above the floor.
Tensor above(const Tensor& values, const Tensor& mask, double floor) {
  if (!on_host(values))
    return mul(factors(mask, values.dtype()), above_zero(affine(values, 1, -floor))).to(DType::UInt8);
  const std::vector<double> v = values.to_vector<double>();
  const Tensor kept = zeros(mask.dims(), DType::UInt8);
  const std::uint8_t* marks = mask.data<std::uint8_t>();
  for (std::size_t i = 0; i < v.size(); ++i) kept.data<std::uint8_t>()[i] = marks[i] && v[i] > floor;
  return kept;
}

Variable masked_sum(const Variable& x, const Tensor& mask) { return sum(x * factor_of(mask, x.value().dtype())); }

}  // namespace

LossOutput contrastive(const PairBatch& batch, const ContrastiveOptions& options) {
  const Variable d = pair_distances(batch);
  const Variable pull = relu(d - options.positive_margin), push = relu(-d + options.negative_margin);
  const Tensor pulled = above(pull.value(), batch.positive, kSamePoint),
               pushed = above(push.value(), batch.negative, 0);
  const LoggedNumber positives = count_of(pulled), negatives = count_of(pushed),
                     pairs = plus(count_of(batch.positive), count_of(batch.negative));
  const Variable value = options.form == ContrastiveForm::Pml
                             ? over(masked_sum(pull, pulled), positives) + over(masked_sum(push, pushed), negatives)
                             : over(masked_sum(square(pull), pulled) + masked_sum(square(push), pushed), pairs);
  return {value, pair_numbers(ratio(plus(positives, negatives), pairs), d.value(), batch)};
}

}  // namespace fledge
