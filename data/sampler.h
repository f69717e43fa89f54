// Batches of P classes x K images (Hermans et al. 2017), and the plain order for evaluation.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace fledge {

/// One picture of a batch. `occurrence` counts repeats of the same picture inside the epoch, so that they are augmented
/// differently.
struct SampleRef {
  std::int64_t index = 0;
  std::int64_t occurrence = 0;
};
using BatchRefs = std::vector<SampleRef>;

struct PKSamplerOptions {
  std::int64_t batch_size = 32;
  std::int64_t images_per_class = 8;   // K; (batch_size - unlabelled_per_batch) / K = P must be whole
  std::int64_t batches_per_epoch = 0;  // 0: images / batch_size, whole batches (at least 1); else exactly so many
  std::uint64_t seed = 0;
  std::int64_t unlabelled_per_batch = 0;     // of the batch_size so many pictures without a label, the last ones
  std::int64_t super_classes_per_batch = 0;  // draw the classes of a batch from so many super-classes; 0: from all
};

/// The batches of an epoch are a pure function of (seed, epoch). Classes are drawn without replacement until used up,
/// then reshuffled; inside a class images are drawn without replacement until used up when it has at least K, else all
/// of them plus repeats. Errors (Usage): batch not divisible by K (names the nearest that are), fewer classes than P.
/// Warning list: classes with one image.
class PKSampler {
 public:
  PKSampler(const Dataset& dataset, const PKSamplerOptions& options);
  std::int64_t batches_per_epoch() const { return batches_; }
  std::vector<BatchRefs> epoch(std::int64_t epoch) const;
  /// Hash of the order of an epoch, for checkpoints.
  std::uint64_t order_hash(std::int64_t epoch) const;
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  std::vector<std::vector<std::int64_t>> by_class_;
  PKSamplerOptions options_;
  std::int64_t batches_ = 0;
  std::vector<std::string> warnings_;
};

/// All images in order, the last batch smaller.
std::vector<BatchRefs> sequential_batches(std::int64_t size, std::int64_t batch_size);

}  // namespace fledge
