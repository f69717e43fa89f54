#include "nn/losses/pairs/pair_batch.h"

#include "autograd/ops/distance.h"
#include "autograd/ops/eltwise.h"
#include "autograd/ops/gemm.h"
#include "autograd/ops/reduce.h"
#include "nn/losses/function_loss.h"
#include "tensor/ops/distance.h"
#include "tensor/ops/eltwise.h"
#include "tensor/ops/gather.h"

namespace fledge {

PairBatch pairs_within(const char* op, const Variable& embedding, const Tensor& labels) {
  check_labels(op, embedding.value(), labels);
  const PairMaskPair masks = pair_masks(labels, labels, 0);
  return {embedding, embedding, masks.positive, masks.negative};
}

PairBatch pairs_against(const char* op, const Variable& embedding, const Tensor& labels, const Tensor& memory,
                        const Tensor& memory_labels) {
  check_labels(op, embedding.value(), labels);
  check_labels(op, memory, memory_labels);
  if (memory.dim(1) != embedding.dim(1))
    throw Error(ErrorKind::Usage, op,
                "the remembered embeddings have another size: " + describe(memory) + ", of the batch " +
                    describe(embedding.value()),
                "give the loss the size of the student's embedding");
  const Tensor& own = embedding.value();
  const PairMaskPair masks = pair_masks(labels, concat({memory_labels, labels}, 0), memory.dim(0));
  return {embedding, Variable(concat({memory, own}, 0)), masks.positive, masks.negative};
}

Variable pair_distances(const PairBatch& batch) { return pairwise_distance(batch.queries, batch.references); }

Variable pair_cosines(const PairBatch& batch) {
  const Variable queries = l2_normalize(batch.queries);
  const bool within = batch.queries.impl() == batch.references.impl();
  return matmul(queries, within ? queries : l2_normalize(batch.references), false, true);
}

Tensor distances_of_cosines(const Tensor& cosines) {
  return sqrt(relu(affine(cosines, -2, 2)));  // rounding may leave a cosine above 1
}

Variable masked_log_sum_exp(const Variable& x, const Tensor& factor) {
  // Marked: x * 1 + 0, exactly. Others: so low that their exponential is 0, yet finite.
  return log_sum_exp(x * Variable(factor) + Variable(affine(factor, 1e30, -1e30)));
}

LossNumbers pair_numbers(const LoggedNumber& active, const Tensor& distances, const PairBatch& batch) {
  const auto mean = [&](const Tensor& mask) { return mean_of_marked(distances, mask.to(distances.dtype())); };
  return {{"active", active}, {"mean_positive", mean(batch.positive)}, {"mean_negative", mean(batch.negative)}};
}

std::shared_ptr<Loss> loss_of_pairs(const std::string& name, std::function<LossOutput(const PairBatch&)> f,
                                    bool on_device) {
  return loss_of_labels(
      name,
      [name, f = std::move(f)](const Variable& embedding, const Tensor& labels) {
        return f(pairs_within(name.c_str(), embedding, labels));
      },
      on_device);
}

}  // namespace fledge
