// Cross-batch memory (Wang et al. 2020, "Cross-Batch Memory for Embedding Learning"): a loss of pairs whose references
// are the embeddings of the last batches too.
#pragma once
#include <functional>

#include "nn/losses/loss.h"
#include "nn/losses/pairs/pair_batch.h"

namespace fledge {

struct MemoryOptions {
  std::int64_t size = 1024;  // embeddings kept
  std::int64_t start = 0;    // steps of the run before anything is kept: early embeddings change too fast
};

/// Before `start`: the loss of pairs within the batch. From then on: of each picture of the batch with every remembered
/// one and with the others of the batch, these references as constants (pairs_against). after_step() puts the batch's
/// embeddings in the place of the oldest; of a batch larger than the memory the last rows. numbers: those of the loss
/// of pairs, and "memory", the embeddings remembered.
/// Buffers: embeddings (size,D), labels (size), seen (1): embeddings ever kept, so row seen % size is written next.
/// Errors (Usage): size below 1, start below 0, embedding size below 1 or not the student's.
class MemoryLoss : public Loss {
 public:
  using PairLoss = std::function<LossOutput(const PairBatch&)>;
  MemoryLoss(PairLoss loss, std::int64_t embedding_size, const MemoryOptions& options = {});
  const char* name() const override { return "memory"; }
  LossNeeds needs() const override { return {.labels = true}; }
  LossOutput forward(const LossInput& input) const override;
  void after_step(const LossInput& input) override;

 private:
  std::int64_t seen() const;

  PairLoss loss_;
  MemoryOptions options_;
  Tensor &embeddings_, &labels_, &seen_;
};

}  // namespace fledge
