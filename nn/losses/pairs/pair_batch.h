// The pairs that a loss compares: each query of the batch with each reference, marked by their labels.
#pragma once
#include <functional>

#include "autograd/variable.h"
#include "nn/losses/counts.h"
#include "nn/losses/loss.h"

namespace fledge {

struct PairBatch {
  Variable queries;           // n,D
  Variable references;        // m,D; within a batch the queries themselves
  Tensor positive, negative;  // n,m uint8: same and other label; a picture with itself is in neither
};

/// Every picture of the batch with every other. embedding: n,D  labels: n int64. Errors (Usage): shapes, dtype; they
/// name `op`.
PairBatch pairs_within(const char* op, const Variable& embedding, const Tensor& labels);
/// Every picture of the batch with every remembered one and with the others of the batch; the references (memory first,
/// then the batch) are constants. memory: c,D of the embedding's dtype  memory_labels: c int64; c may be 0.
PairBatch pairs_against(const char* op, const Variable& embedding, const Tensor& labels, const Tensor& memory,
                        const Tensor& memory_labels);

/// Euclidean distances of the embeddings as they are, n,m.
Variable pair_distances(const PairBatch& batch);
/// Cosines, n,m: rows are normalised first.
Variable pair_cosines(const PairBatch& batch);
/// Distances that rows of unit length with these cosines have: sqrt(2 - 2s).
Tensor distances_of_cosines(const Tensor& cosines);
/// log sum of e^x over the marked elements of each row. x: R,C  factor: R,C of x's dtype, 1 where marked, else 0 -> R.
/// A row without any gives a number near -1e30: softplus of it is log(1 + 0), and its gradient times 0 is 0, where
/// -infinity would give NaN.
Variable masked_log_sum_exp(const Variable& x, const Tensor& factor);
/// active, mean_positive, mean_negative: means of the distances (n,m) over the batch's pairs of either kind, 0 where
/// there is none.
LossNumbers pair_numbers(const LoggedNumber& active, const Tensor& distances, const PairBatch& batch);

/// The Loss of a function of the pairs within a batch.
std::shared_ptr<Loss> loss_of_pairs(const std::string& name, std::function<LossOutput(const PairBatch&)> f,
                                    bool on_device = true);

}  // namespace fledge
