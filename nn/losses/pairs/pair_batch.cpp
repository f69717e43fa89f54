#include "nn/losses/pairs/pair_batch.h"

#include <vector>

#include "autograd/ops/distance.h"
#include "autograd/ops/gemm.h"
#include "nn/losses/entries.h"
#include "tensor/creation.h"
#include "tensor/ops/eltwise.h"
#include "tensor/ops/gather.h"

namespace fledge {
namespace {

/// Query i is reference first_own + i.
void mark_pairs(PairBatch& batch, const Tensor& labels, const Tensor& reference_labels, std::int64_t first_own) {
  const std::vector<std::int64_t> query = labels.to_vector<std::int64_t>(),
                                  reference = reference_labels.to_vector<std::int64_t>();
  const auto n = static_cast<std::int64_t>(query.size()), m = static_cast<std::int64_t>(reference.size());
  batch.positive = zeros({n, m}, DType::UInt8);
  batch.negative = zeros({n, m}, DType::UInt8);
  std::uint8_t* positive = batch.positive.data<std::uint8_t>();
  std::uint8_t* negative = batch.negative.data<std::uint8_t>();
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j < m; ++j) {
      const bool same = query[i] == reference[j];
      positive[i * m + j] = same && j != first_own + i;
      negative[i * m + j] = !same;
    }
}

}  // namespace

PairBatch pairs_within(const char* op, const Variable& embedding, const Tensor& labels) {
  check_labels(op, embedding.value(), labels);
  PairBatch batch{embedding, embedding, {}, {}};
  mark_pairs(batch, labels, labels, 0);
  return batch;
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
  PairBatch batch{embedding, Variable(concat({memory, own}, 0)), {}, {}};
  mark_pairs(batch, labels, concat({memory_labels, labels}, 0), memory.dim(0));
  return batch;
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

}  // namespace fledge
