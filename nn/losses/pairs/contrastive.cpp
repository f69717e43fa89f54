#include "nn/losses/pairs/contrastive.h"

#include "autograd/ops/eltwise.h"
#include "autograd/ops/reduce.h"
#include "nn/losses/pairs/pair_options.h"
#include "tensor/ops/eltwise.h"
#include "tensor/ops/reduce.h"

namespace fledge {
namespace {

// Distances are clamped to 1e-6 (kernels/api/distance.h): two pictures at one
// point are that far apart, without gradient.
constexpr double kSamePoint = 1.001e-6;

/// 1 for the marked elements above the floor, else 0.
Tensor above(const Tensor& values, const Tensor& mask, double floor) {
  return mul(mask.to(values.dtype()), above_zero(affine(values, 1, -floor)));
}

Variable masked_sum(const Variable& x, const Tensor& factor) { return sum(x * Variable(factor)); }

}  // namespace

LossOutput contrastive(const PairBatch& batch, const ContrastiveOptions& options) {
  const Variable d = pair_distances(batch);
  const Variable pull = relu(d - options.positive_margin), push = relu(-d + options.negative_margin);
  const Tensor pulled = above(pull.value(), batch.positive, kSamePoint),
               pushed = above(push.value(), batch.negative, 0);
  const DType dtype = d.value().dtype();
  const Tensor positives = sum(pulled), negatives = sum(pushed),
               pairs = add(sum(batch.positive.to(dtype)), sum(batch.negative.to(dtype)));
  const Variable value = options.form == ContrastiveForm::Pml
                             ? over(masked_sum(pull, pulled), positives) + over(masked_sum(push, pushed), negatives)
                             : over(masked_sum(square(pull), pulled) + masked_sum(square(push), pushed), pairs);
  return {value, pair_numbers(ratio(add(positives, negatives), pairs), d.value(), batch)};
}

LossEntry contrastive_entry() {
  return {"contrastive", LossKind::Metric,
          "same-class pairs together, others a margin apart (contrastive-form: hadsell|pml)", contrastive_options(),
          [](const OptionReader& read, const LossSetup&) {
            return loss_of_pairs(
                read.loss(), [o = read_contrastive(read)](const PairBatch& batch) { return contrastive(batch, o); });
          }};
}

}  // namespace fledge
